"""Reading splats from binary glTF: KHR_gaussian_splatting with plain attributes, as `splat_glb` writes them.

Numbers in the document are believed only where the bytes are there. A mesh's GLB holds no splats.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from export.gltf import BINARY_CHUNK, FLOAT, GLTF_VERSION, JSON_CHUNK, MAGIC, UNSIGNED_BYTE, UNSIGNED_SHORT
from export.splat_glb import EXTENSION
from models.errors import SplatFileError
from models.gaussians.gaussians import SH_C0, Gaussians

START = MAGIC.to_bytes(4, "little")
BYTE, SHORT = 5120, 5122
TYPES = {FLOAT: "<f4", UNSIGNED_BYTE: "|u1", UNSIGNED_SHORT: "<u2", BYTE: "|i1", SHORT: "<i2"}
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}
ATTRIBUTES = {
    "means": ("POSITION", "VEC3"),
    "quats": (f"{EXTENSION}:ROTATION", "VEC4"),
    "scales": (f"{EXTENSION}:SCALE", "VEC3"),
    "opacities": (f"{EXTENSION}:OPACITY", "SCALAR"),
    "harmonics": (f"{EXTENSION}:SH_DEGREE_0_COEF_0", "VEC3"),
}
MOVES = ("matrix", "translation", "rotation", "scale")


def read_splat_glb(data: bytes) -> Gaussians:
    """The splats of a GLB, on the CPU, in "validator" space, which is glTF's.

    Raises:
        SplatFileError: It is damaged, holds no splats, or holds them in a way that is not read.
    """
    document, binary = _chunks(data)
    try:
        primitives = [one for mesh in document.get("meshes", []) for one in mesh["primitives"]]
        splats = [one for one in primitives if EXTENSION in one.get("extensions", {})]
        if not splats:
            raise SplatFileError(f"the GLB holds no splats ({EXTENSION}); a mesh is not judged")
        if any(key in node for node in document.get("nodes", []) for key in MOVES):
            raise SplatFileError("the GLB moves its splats by a node, which is not read")
        made = [_splats(one, document, binary) for one in splats]
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise SplatFileError(f"the GLB's document is damaged: {type(error).__name__} {error}") from error
    return _joined(made)


def _chunks(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The document and the binary chunk."""
    if len(data) < 20 or data[:8] != struct.pack("<II", MAGIC, GLTF_VERSION):
        raise SplatFileError("not a GLB of version 2")
    length, kind = struct.unpack_from("<II", data, 12)
    if kind != JSON_CHUNK or 20 + length > len(data):
        raise SplatFileError("the GLB is cut short in its document")
    try:
        document = json.loads(data[20 : 20 + length])
    except (ValueError, RecursionError) as error:
        raise SplatFileError("the GLB's document is not JSON") from error
    if not isinstance(document, dict):
        raise SplatFileError("the GLB's document is no object")
    start = 20 + length
    if start + 8 > len(data):
        return document, b""
    length, kind = struct.unpack_from("<II", data, start)
    if kind != BINARY_CHUNK or start + 8 + length > len(data):
        raise SplatFileError("the GLB is cut short in its data")
    return document, data[start + 8 : start + 8 + length]


def _splats(primitive: Mapping[str, Any], document: Mapping[str, Any], binary: bytes) -> Gaussians:
    named = primitive["attributes"]
    if missing := [name for name, _ in ATTRIBUTES.values() if name not in named]:
        raise SplatFileError(f"the GLB's splats lack {missing[0]}; compressed ones are not read")
    columns = {key: _values(document, binary, named[name], kind) for key, (name, kind) in ATTRIBUTES.items()}
    if len({len(values) for values in columns.values()}) > 1:
        raise SplatFileError("the GLB's attributes differ in length")
    return Gaussians(
        means=torch.from_numpy(columns["means"]),
        scales=torch.from_numpy(columns["scales"]),
        quats_wxyz=torch.nn.functional.normalize(torch.from_numpy(columns["quats"][:, [3, 0, 1, 2]]), dim=-1),
        opacities=torch.from_numpy(columns["opacities"][:, 0]),
        colors=0.5 + SH_C0 * torch.from_numpy(columns["harmonics"]),
    )


def _values(
    document: Mapping[str, Any], binary: bytes, number: int, kind: str
) -> Float[np.ndarray, "count width"]:
    """An accessor's values, normalised ones as fractions."""
    accessor = document["accessors"][number]
    if accessor["type"] != kind or "sparse" in accessor or accessor["componentType"] not in TYPES:
        raise SplatFileError(f"the GLB has an accessor of another kind than {kind}")
    view = document["bufferViews"][accessor["bufferView"]]
    dtype, width, count = np.dtype(TYPES[accessor["componentType"]]), WIDTHS[kind], accessor["count"]
    stride = view.get("byteStride", dtype.itemsize * width)
    begin = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    end = begin + stride * (count - 1) + dtype.itemsize * width
    if not (begin >= 0 and count > 0 and dtype.itemsize * width <= stride and end <= len(binary)):
        raise SplatFileError(f"the GLB has {len(binary)} bytes of data, an accessor wants {end}")
    strides = (stride, dtype.itemsize)
    values = np.ndarray((count, width), dtype, binary, begin, strides)
    if dtype.kind == "f":
        return values.astype(np.float32)
    return (values.astype(np.float32) / np.iinfo(dtype).max).clip(-1.0, 1.0)


def _joined(parts: Sequence[Gaussians]) -> Gaussians:
    names = ("means", "scales", "quats_wxyz", "opacities", "colors")
    return Gaussians(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})
