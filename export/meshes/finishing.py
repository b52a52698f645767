"""Extracted surface to finished mesh.

    surface, or that of the splats -> clean-up -> fewer faces -> mended -> normals -> texture coordinates
            -> colours -> axes, size

The colours are those of the surface before simplification, which keep detail that the faces lose, or those
that pictures of the splats show.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from numpy.typing import NDArray

from export.meshes.axes import turned
from export.meshes.clean_up import clean_up, fill_holes, vertex_normals
from export.meshes.color_lookup import ColorLookup, color_lookup
from export.meshes.mending import mend
from export.meshes.simplification import simplify
from export.meshes.soundness import Soundness, soundness
from export.meshes.splat_colors import SplatColors, SplatPictures
from export.meshes.splat_surface import splat_surface
from export.meshes.surface import FinishedMesh, Surface
from export.meshes.texels import UNOWNED, Texels, dilate, locate
from export.meshes.topology import OPEN, twins
from export.meshes.unwrapping import unwrap
from models.gaussians.placement import Placement, placement_of
from models.stopping import between_steps

EXTENT = 1.0  # metres, of the longest side of a mesh that belongs to no splats

PINCH_LENGTH = 0.1  # of a border that simplification leaves, in "trellis" space; longer ones are the object's


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishSettings:
    """What is wanted of a mesh.

    Attributes:
        faces: At most about so many; None keeps all.
        texture: Side of the texture in texels; None leaves the colours at the vertices.
        shape: Whose surface it is: the decoder's, or the one that the splats show.
        bake: Whose colours it has; the decoder's in any case without pictures of the splats.
    """

    faces: int | None = 20_000
    texture: int | None = 1024
    shape: Literal["decoder", "gaussians"] = "decoder"
    bake: Literal["decoder", "gaussians"] = "gaussians"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshReport:
    """What came out.

    Attributes:
        num_faces: After simplification.
        soundness: What is wrong with the surface that the mesh's own arrays make, whose seams do not count.
        timings: Seconds per step.
    """

    num_faces: int
    soundness: Soundness
    timings: dict[str, float]

    @property
    def watertight(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.soundness.watertight


def finish(
    surface: Surface,
    settings: FinishSettings,
    pictures: SplatPictures | None = None,
    *,
    placement: Placement | None = None,
) -> tuple[FinishedMesh, MeshReport]:
    """A mesh ready for a file, from a surface in "trellis" space; see `finish_in_place`.

    Args:
        surface: As there.
        settings: As there.
        pictures: As there.
        placement: Where clean-up put the object's splats, so that mesh and splats lie upon each other; None
            centres the mesh by itself.
    """
    mesh, timings = _finished(surface, settings, pictures)
    vertices = _placed(mesh.vertices, placement)
    return _reported(replace(mesh, vertices=vertices, normals=turned(mesh.normals)), timings)


def finish_in_place(
    surface: Surface, settings: FinishSettings, pictures: SplatPictures | None = None
) -> tuple[FinishedMesh, MeshReport]:
    """The same, still where the surface was.

    Args:
        surface: As extracted, with the decoder's colours.
        settings: What is wanted.
        pictures: Of the splats whose surface or colours it shall have; None takes the decoder's.

    Raises:
        GenerationError: The surface has nothing to show.
        ValueError: The texture is too small for the mesh's charts, or splats are wanted and not given.
    """
    return _reported(*_finished(surface, settings, pictures))


def _finished(
    surface: Surface, settings: FinishSettings, pictures: SplatPictures | None
) -> tuple[FinishedMesh, dict[str, float]]:
    """A mesh where the surface was, and the seconds of each step."""
    timings: dict[str, float] = {}
    with _timed(timings, "shape"):
        shown = _shown(surface, settings, pictures)
    with _timed(timings, "clean_up"):
        dense = clean_up(shown)
    decoded = dense if shown is surface else surface
    pictures = pictures if settings.bake == "gaussians" else None
    with _timed(timings, "simplify"):
        vertices, faces = dense.vertices, dense.faces
        if settings.faces is not None:
            vertices, faces = simplify(dense, settings.faces)
    with _timed(timings, "mend"):
        mended = _mended(vertices, faces)
        shape = _Shape(vertices=mended[0], normals=vertex_normals(*mended), faces=mended[1])
    if settings.texture is None:
        return _painted(decoded, shape, pictures, timings), timings
    return _textured(decoded, shape, pictures, settings.texture, timings), timings


def _mended(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> tuple[Float[np.ndarray, "mended 3"], Int[np.ndarray, "kept 3"]]:
    """Sound, with the small holes filled that a pinch leaves where its scrap went."""
    mended = mend(vertices, faces)
    if (twins(mended[1], len(mended[0])) != OPEN).all():
        return mended
    colors = np.zeros_like(mended[0])
    filled = fill_holes(Surface(vertices=mended[0], faces=mended[1], colors=colors), PINCH_LENGTH)
    return mend(filled.vertices, filled.faces)


def _shown(surface: Surface, settings: FinishSettings, pictures: SplatPictures | None) -> Surface:
    if settings.shape == "decoder":
        return surface
    if pictures is None:
        raise ValueError("the surface of the splats is wanted, but there are none")
    return splat_surface(pictures.splats, pictures.placement)


def _reported(mesh: FinishedMesh, timings: dict[str, float]) -> tuple[FinishedMesh, MeshReport]:
    """With what is to be said of a mesh as it stands there."""
    with _timed(timings, "inspect"):
        found = soundness(mesh.vertices, mesh.faces)
    return mesh, MeshReport(num_faces=len(mesh.faces), soundness=found, timings=timings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """A mesh without colours."""

    vertices: Float[np.ndarray, "vertices 3"]
    normals: Float[np.ndarray, "vertices 3"]
    faces: Int[np.ndarray, "faces 3"]


def _painted(
    dense: Surface, shape: _Shape, pictures: SplatPictures | None, timings: dict[str, float]
) -> FinishedMesh:
    """With colours at its vertices; a mesh that was neither simplified nor mended keeps the decoder's."""
    with _timed(timings, "bake"):
        if pictures is None and shape.vertices is dense.vertices:
            colors = dense.colors
        else:
            colors = _colors(dense, shape, pictures).colors_at(shape.vertices, shape.normals)
    return FinishedMesh(vertices=shape.vertices, normals=shape.normals, faces=shape.faces, colors=colors)


def _textured(
    dense: Surface,
    shape: _Shape,
    pictures: SplatPictures | None,
    side: int,
    timings: dict[str, float],
) -> FinishedMesh:
    """With a texture of `side` texels, cut open along the seams."""
    with _timed(timings, "unwrap"):
        unwrapped = unwrap(shape.vertices, shape.faces, side)
        vertices, normals = shape.vertices[unwrapped.source], shape.normals[unwrapped.source]
        texels = locate(vertices, normals, unwrapped.faces, unwrapped.texels, side)
    with _timed(timings, "bake"):
        texture = paint(texels, _colors(dense, shape, pictures).colors_at(texels.points, texels.normals))
    uvs = unwrapped.texels / side
    return FinishedMesh(vertices=vertices, normals=normals, faces=unwrapped.faces, uvs=uvs, texture=texture)


def _colors(dense: Surface, shape: _Shape, pictures: SplatPictures | None) -> ColorLookup | SplatColors:
    """Who knows the colours on a mesh that was made of a dense surface."""
    if pictures is None:
        return color_lookup(dense)
    return SplatColors(pictures=pictures, vertices=shape.vertices, faces=shape.faces, decoded=dense)


def paint(texels: Texels, colors: Float[np.ndarray, "texels 3"]) -> UInt8[np.ndarray, "side side 3"]:
    """The texture from its covered texels' colours, spread over all the others."""
    texture = np.full((*texels.owner.shape, 3), 255, np.uint8)
    texture[texels.owner != UNOWNED] = np.rint(colors.clip(0.0, 1.0) * 255.0).astype(np.uint8)
    dilate(texture, texels.owner)
    return texture


def _placed(
    vertices: Float[np.ndarray, "vertices 3"], placement: Placement | None
) -> Float[np.ndarray, "vertices 3"]:
    """Turned, and put where the splats were; without them centred, the longest side `EXTENT`."""
    points = torch.from_numpy(vertices)
    own = placement or placement_of(points, extent=EXTENT)
    placed: NDArray[np.float32] = turned(own.applied(points).numpy()).astype(np.float32)
    return placed


@contextmanager
def _timed(timings: dict[str, float], step: str) -> Iterator[None]:
    between_steps()
    started = time.perf_counter()
    yield
    timings[step] = time.perf_counter() - started
