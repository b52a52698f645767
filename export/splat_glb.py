"""Splats as binary glTF: KHR_gaussian_splatting with plain attributes, which Babylon.js and PlayCanvas read.

Programs that do not know the extension find points with colours: it is named as used, not as required, or
they would refuse the file. Khronos's validator (2.0.0-dev.3.10) does not know it either and takes the names
of its attributes, which it prescribes, for misspelt ones; it has nothing else to say.

As any glTF the scene stands in metres, +Y up, its front towards +Z, whatever `frame` other files have.
https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Khronos/KHR_gaussian_splatting; scales are
standard deviations there, not their logarithms as in early drafts.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from numpy.typing import NDArray

from export.glb import linear_from_srgb
from export.gltf import GENERATOR, BinaryChunk, packed
from export.splat_codes import host_columns
from models.gaussians.gaussians import SH_C0, Gaussians

EXTENSION = "KHR_gaussian_splatting"
POINTS = 0
KERNEL = {
    "kernel": "ellipse",
    "colorSpace": "srgb_rec709_display",
    "projection": "perspective",
    "sortingMethod": "cameraDistance",
}


def write_splat_glb(gaussians: Gaussians, *, name: str = "object") -> bytes:
    """The splats as a GLB file's bytes; the same splats give the same bytes.

    Args:
        gaussians: In "validator" space, which is glTF's.
        name: Of the node.

    Raises:
        ValueError: For no splat, more than readers accept, or a value that is not finite.
    """
    means, opacities, colors, scales, quats = host_columns(gaussians, "splat GLB")
    chunk = BinaryChunk()
    attributes = {
        "POSITION": chunk.accessor(means.astype("<f4"), "VEC3", bounds=True),
        "COLOR_0": chunk.accessor(_points(colors, opacities), "VEC4", normalized=True),
        f"{EXTENSION}:ROTATION": chunk.accessor(quats[:, [1, 2, 3, 0]].astype("<f4"), "VEC4"),
        f"{EXTENSION}:SCALE": chunk.accessor(scales.astype("<f4"), "VEC3"),
        f"{EXTENSION}:OPACITY": chunk.accessor(opacities.clip(0.0, 1.0).astype("<f4"), "SCALAR"),
        f"{EXTENSION}:SH_DEGREE_0_COEF_0": chunk.accessor(((colors - 0.5) / SH_C0).astype("<f4"), "VEC3"),
    }
    primitive = {"mode": POINTS, "attributes": attributes, "extensions": {EXTENSION: KERNEL}}
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": GENERATOR},
        "extensionsUsed": [EXTENSION],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name}],
        "meshes": [{"name": name, "primitives": [primitive]}],
        "accessors": chunk.accessors,
        "bufferViews": chunk.views,
        "buffers": [{"byteLength": len(chunk.data)}],
    }
    return packed(document, bytes(chunk.data))


def _points(
    colors: Float[np.ndarray, "splats 3"], opacities: Float[np.ndarray, "splats"]
) -> UInt8[np.ndarray, "splats 4"]:
    """Colours for programs that show points: linear, as glTF's are."""
    rgba = np.concatenate([linear_from_srgb(colors.clip(0.0, 1.0)), opacities[:, None]], axis=1)
    codes: NDArray[np.uint8] = np.rint(rgba.clip(0.0, 1.0) * 255.0).astype("|u1")
    return codes
