"""Extracted surface to finished mesh.

    surface -> clean-up -> fewer faces -> normals -> texture coordinates -> colours baked -> axes, size

The texture takes its colours from the surface before simplification, so it keeps detail that the faces lose.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from numpy.typing import NDArray

from export.meshes.clean_up import clean_up, vertex_normals
from export.meshes.color_lookup import color_lookup
from export.meshes.simplification import simplify
from export.meshes.surface import FinishedMesh, Surface
from export.meshes.texels import UNOWNED, Texels, dilate, locate
from export.meshes.topology import is_watertight
from export.meshes.unwrapping import unwrap

EXTENT = 1.0  # metres, of the longest side


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishSettings:
    """What is wanted of a mesh.

    Attributes:
        faces: At most about so many; None keeps all.
        texture: Side of the texture in texels; None leaves the colours at the vertices.
        unwrap_seconds: What xatlas may take; 0 always cuts our own charts.
    """

    faces: int | None = 20_000
    texture: int | None = 1024
    unwrap_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshReport:
    """What came out.

    Attributes:
        num_faces: After simplification.
        watertight: Whether every edge has a face on either side, before seams are cut.
        timings: Seconds per step.
    """

    num_faces: int
    watertight: bool
    timings: dict[str, float]


def finish(surface: Surface, settings: FinishSettings) -> tuple[FinishedMesh, MeshReport]:
    """A mesh ready for a file, from a surface in "trellis" space, with the decoder's own colours.

    Raises:
        GenerationError: The surface has nothing to show.
        ValueError: The texture is too small for the mesh's charts.
    """
    timings: dict[str, float] = {}
    with _timed(timings, "clean_up"):
        dense = clean_up(surface)
    with _timed(timings, "simplify"):
        vertices, faces = dense.vertices, dense.faces
        if settings.faces is not None:
            vertices, faces = simplify(dense, settings.faces)
        normals = vertex_normals(vertices, faces)
        report = MeshReport(
            num_faces=len(faces), watertight=is_watertight(faces, len(vertices)), timings=timings
        )
    if settings.texture is None:
        with _timed(timings, "colors"):
            exact = len(vertices) == dense.num_vertices
            colors = dense.colors if exact else color_lookup(dense).colors_at(vertices, normals)
        return FinishedMesh(
            vertices=_placed(vertices), normals=_turned(normals), faces=faces, colors=colors
        ), report
    with _timed(timings, "unwrap"):
        unwrapped = unwrap(vertices, faces, settings.texture, settings.unwrap_seconds)
        vertices, normals = vertices[unwrapped.source], normals[unwrapped.source]
        texels = locate(vertices, normals, unwrapped.faces, unwrapped.texels, settings.texture)
    with _timed(timings, "bake"):
        colors = color_lookup(dense).colors_at(texels.points, texels.normals)
        texture = paint(texels, colors)
    finished = FinishedMesh(
        vertices=_placed(vertices),
        normals=_turned(normals),
        faces=unwrapped.faces,
        uvs=unwrapped.texels / settings.texture,
        texture=texture,
    )
    return finished, report


def paint(texels: Texels, colors: Float[np.ndarray, "texels 3"]) -> UInt8[np.ndarray, "side side 3"]:
    """The texture from its covered texels' colours, spread over all the others."""
    texture = np.full((*texels.owner.shape, 3), 255, np.uint8)
    texture[texels.owner != UNOWNED] = np.rint(colors.clip(0.0, 1.0) * 255.0).astype(np.uint8)
    dilate(texture, texels.owner)
    return texture


def _turned(vectors: Float[np.ndarray, "rows 3"]) -> Float[np.ndarray, "rows 3"]:
    """From "trellis" axes to "validator" axes, which are glTF's."""
    return np.stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]], axis=1)


def _placed(vertices: Float[np.ndarray, "vertices 3"]) -> Float[np.ndarray, "vertices 3"]:
    """Turned, the bounding box centred, its longest side `EXTENT`."""
    turned = _turned(vertices).astype(np.float64)
    low, high = turned.min(axis=0), turned.max(axis=0)
    placed: NDArray[np.float64] = (turned - (low + high) / 2) * (EXTENT / float((high - low).max()))
    return placed.astype(np.float32)


@contextmanager
def _timed(timings: dict[str, float], step: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    timings[step] = time.perf_counter() - started
