"""What of an extracted surface is the object: hollows and crumbs go, small holes are closed.

faces -> not looking into a hollow -> in a large component, no bubble -> holes of a bounded length filled

A hollow goes only if the holes that it leaves can be filled; so a closed surface stays closed.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from export.meshes.hollows import looks_into_hollow
from export.meshes.mending import solid
from export.meshes.surface import Surface
from export.meshes.topology import OPEN, components, twins
from models.errors import GenerationError


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanUpSettings:
    """What counts as part of the object.

    Attributes:
        min_component_fraction: A component with less than this share of the largest one's area goes.
        max_hole_length: Holes with a longer border stay open; in units of the object's longest side.
    """

    min_component_fraction: float = 0.002
    max_hole_length: float = 0.5


def clean_up(surface: Surface, settings: CleanUpSettings | None = None) -> Surface:
    """The object's outside.

    Raises:
        GenerationError: When nothing of positive area is left.
    """
    settings = settings or CleanUpSettings()
    if surface.num_faces == 0:
        raise GenerationError("the mesh has no faces")
    max_length = settings.max_hole_length * float(np.ptp(surface.vertices, axis=0).max())
    seen = surface.faces[~_hidden(surface, max_length)]
    large = seen[_large(surface.vertices, seen, settings.min_component_fraction)]
    kept = surface.with_faces(large[solid(surface.vertices, large)])
    if kept.num_faces == 0:
        raise GenerationError("no face is left after clean-up")
    return fill_holes(kept, max_length)


def fill_holes(surface: Surface, max_length: float) -> Surface:
    """Closes holes whose border is at most so long with a fan around a new vertex in their middle."""
    vertices, colors, faces = [surface.vertices], [surface.colors], [surface.faces]
    count = surface.num_vertices
    for loop in _holes(surface.faces, surface.num_vertices):
        if _length(surface.vertices, loop) > max_length:
            continue
        ring = surface.vertices[loop]
        vertices.append(ring.mean(axis=0, keepdims=True))
        colors.append(surface.colors[loop].mean(axis=0, keepdims=True))
        faces.append(np.stack([np.roll(loop, -1), loop, np.full_like(loop, count)], axis=1))
        count += 1
    return Surface(
        vertices=np.concatenate(vertices), faces=np.concatenate(faces), colors=np.concatenate(colors)
    )


def _hidden(surface: Surface, max_length: float) -> NDArray[np.bool_]:
    """Faces that look into a hollow whose mouths have borders of at most `max_length` each."""
    hidden = looks_into_hollow(surface.vertices, surface.faces)
    wide = np.zeros(surface.num_vertices, bool)
    for loop in _holes(surface.faces[~hidden], surface.num_vertices):
        if _length(surface.vertices, loop) > max_length:
            wide[loop] = True
    if hidden.any() and wide.any():
        faces = surface.faces[hidden]
        hollow = components(faces, surface.num_vertices)
        open_faces = np.bincount(hollow, wide[faces].any(axis=1))
        hidden[hidden] = open_faces[hollow] == 0
    return hidden


def _length(vertices: NDArray[np.float32], loop: NDArray[np.int32]) -> float:
    ring = vertices[loop]
    return float(np.linalg.norm(ring - np.roll(ring, -1, axis=0), axis=1).sum())


def _large(vertices: NDArray[np.float32], faces: NDArray[np.int32], fraction: float) -> NDArray[np.bool_]:
    """Faces of components that have at least this share of the largest one's area."""
    if len(faces) == 0:
        return np.zeros(0, bool)
    component = components(faces, len(vertices))
    corners = vertices[faces]
    doubled = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    area = np.bincount(component, doubled)
    large: NDArray[np.bool_] = ((area >= fraction * area.max()) & (area > 0))[component]
    return large


def _holes(faces: NDArray[np.int32], num_vertices: int) -> list[NDArray[np.int32]]:
    """Borders as closed rows of vertices, in the direction of the faces beside them.

    A border that touches itself is cut where it does; chains that never close are left out.
    """
    twin = twins(faces, num_vertices)
    half_edges = np.flatnonzero(twin == OPEN)
    sources = faces.reshape(-1)[half_edges]
    targets = faces[half_edges // 3, (half_edges % 3 + 1) % 3]
    following: dict[int, list[int]] = {}
    for source, target in zip(sources.tolist(), targets.tolist(), strict=True):
        following.setdefault(source, []).append(target)
    loops = []
    for start in sources.tolist():
        path, place = [start], {start: 0}
        while following.get(path[-1]):
            vertex = following[path[-1]].pop()
            if vertex in place:
                loop = path[place[vertex] :]
                loops.append(np.array(loop, np.int32))
                for gone in loop[1:]:
                    del place[gone]
                del path[place[vertex] + 1 :]
            else:
                place[vertex] = len(path)
                path.append(vertex)
    return [loop for loop in loops if len(loop) >= 3]


def vertex_normals(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> Float[np.ndarray, "vertices 3"]:
    """Unit normals: the mean of the adjoining faces', weighted by area; +Y where that is zero."""
    corners = vertices[faces].astype(np.float64)
    weighted = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros((len(vertices), 3))
    for corner in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(faces[:, corner], weighted[:, axis], len(vertices))
    length = np.linalg.norm(total, axis=1, keepdims=True)
    up = np.array([0.0, 1.0, 0.0])
    return np.where(length > 1e-20, total / np.maximum(length, 1e-20), up).astype(np.float32)
