"""Makes a surface sound that simplification has pinched: no flaps, no edge of four faces, no bubble within.

    on a fine grid -> faces without area and pairs back to back go -> what touches comes apart by a hair
                   -> bubbles and splinters go

Collapsing edges lets a surface meet itself. Cutting it open there would leave holes; so every fan of faces
around a vertex gets a vertex of its own, which moves a little into its fan: programs that merge vertices at
one place must not join them again.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from export.meshes.fans import Fans, fans_of
from export.meshes.soundness import groups_of_corners, heights, merged_faces, soundness, volumes
from export.meshes.topology import OPEN, components, twins

GRID = 2.0**-18  # units of length; float32 keeps places apart that differ on it, also turned and made larger
HAIR = 2e-4  # by which parts that touch are moved
MIN_HEIGHT = 1e-6  # of a triangle
MIN_VOLUME = 1e-9  # of a body: a thousandth of the object's side, cubed
MIN_AREA_SHARE = 1e-3  # of an open body in all of the surface; less is a scrap that a pinch cut off
MAX_ROUNDS = 6  # parts moved apart may meet others


def mend(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> tuple[Float[np.ndarray, "mended 3"], Int[np.ndarray, "kept 3"]]:
    """A sound surface as it is; any other without its faults as far as they can be cured.

    Holes stay, and so does a surface without any body that would be left.
    """
    if soundness(vertices, faces).watertight:
        return vertices, faces
    vertices = _on_grid(vertices)
    for _ in range(MAX_ROUNDS):
        faces = _without_flaps(merged_faces(vertices, faces), len(vertices))
        if len(faces) == 0:
            break
        fans = fans_of(vertices, faces)
        flat = _opposite_longest(vertices, faces[heights(vertices, faces) < MIN_HEIGHT])
        vertices, faces, close = _cut(vertices[fans.middle], fans)
        if not close.any() and len(flat) == 0:
            break
        vertices = _moved(vertices, faces, close, np.isin(fans.middle, flat))
    kept = faces[solid(vertices, faces)]
    return _compact(vertices, kept)


def _cut(
    vertices: NDArray[np.float32], fans: Fans
) -> tuple[NDArray[np.float32], Int[np.ndarray, "faces 3"], NDArray[np.bool_]]:
    """Cuts edges that have other edges between the same two fans in the middle, all but one of them.

    Returns:
        Vertices, the middles last; faces; the vertices that have others at their place, or on an edge there.
    """
    doubles = _double_edges(fans)
    ends = fans.faces.reshape(-1)[doubles], _next(fans.faces).reshape(-1)[doubles]
    middles = (vertices[ends[0]].astype(np.float64) + vertices[ends[1]]) / 2
    count = len(vertices)
    new = np.arange(count, count + len(doubles), dtype=np.int32)
    faces, halves = fans.faces.copy(), []
    for edges in (doubles, fans.twin[doubles]):
        face, corner = edges // 3, edges % 3
        half = faces[face]
        half[np.arange(len(face)), corner] = new
        halves.append(half)
        faces[face, (corner + 1) % 3] = new
    close = np.concatenate([fans.crowded, np.ones(len(doubles), bool)])
    return np.concatenate([vertices, middles.astype(np.float32)]), np.concatenate([faces, *halves]), close


def _double_edges(fans: Fans) -> Int[np.ndarray, " edges"]:
    """A half-edge of each edge to be cut; none of them has a face in common."""
    source, target = fans.faces.reshape(-1).astype(np.int64), _next(fans.faces).reshape(-1)
    forth = np.flatnonzero((source < target) & (fans.twin != OPEN))
    _, group, count = np.unique(
        source[forth] * len(fans.middle) + target[forth], return_inverse=True, return_counts=True
    )
    several = count[group] > 1
    chosen, kept, touched = list[int](), set[int](), set[int]()
    for edge, key in zip(forth[several].tolist(), group[several].tolist(), strict=True):
        two = {edge // 3, int(fans.twin[edge]) // 3}
        if key not in kept:
            kept.add(key)
        elif not two & touched:
            touched |= two
            chosen.append(edge)
    return np.array(chosen, np.int64)


def _next(faces: Int[np.ndarray, "faces 3"]) -> Int[np.ndarray, "faces 3"]:
    """The corner that each corner's half-edge leads to."""
    return np.roll(faces, -1, axis=1)


def _on_grid(vertices: Float[np.ndarray, "vertices 3"]) -> NDArray[np.float32]:
    placed: NDArray[np.float32] = (np.rint(vertices.astype(np.float64) / GRID) * GRID).astype(np.float32)
    return placed


def _without_flaps(faces: Int[np.ndarray, "faces 3"], num_vertices: int) -> Int[np.ndarray, "kept 3"]:
    """Without faces that have a corner twice, and without pairs back to back; of equal faces one stays."""
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    group = groups_of_corners(faces, num_vertices)
    first = faces.argmin(axis=1)
    rows = np.arange(len(faces))
    turn = np.where(faces[rows, (first + 1) % 3] < faces[rows, (first + 2) % 3], 1, -1)
    surplus = np.sign(np.bincount(group, turn))[group]
    rows = rows[turn == surplus]
    _, kept = np.unique(group[rows], return_index=True)
    left: NDArray[np.int32] = faces[np.sort(rows[kept])]
    return left


def _moved(
    vertices: NDArray[np.float32],
    faces: Int[np.ndarray, "faces 3"],
    close: NDArray[np.bool_],
    lying: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Vertices with others at their place a hair into their fans; those that lie on a side off it."""
    places, chosen = vertices.astype(np.float64), close.copy()
    chosen[: len(lying)] |= lying
    around = faces[chosen[faces].any(axis=1)]
    corners = places[around]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    ring = np.roll(corners, -1, axis=1) + np.roll(corners, -2, axis=1)
    count = np.bincount(around.reshape(-1), minlength=len(places)).clip(1)
    inward = _sums(around, ring, len(places)) / (2 * count[:, None]) - places
    outward = _unit(_sums(around, np.repeat(normals[:, None], 3, axis=1), len(places)))
    inward = np.where(np.linalg.norm(inward, axis=1, keepdims=True) < HAIR, -outward, _unit(inward))
    places[close] += HAIR * inward[close]
    off = np.flatnonzero(lying & ~close[: len(lying)])
    places[off] += HAIR / 4 * outward[off]
    return _on_grid(places)


def _sums(
    faces: Int[np.ndarray, "faces 3"], values: Float[np.ndarray, "faces 3 3"], num_vertices: int
) -> Float[np.ndarray, "vertices 3"]:
    """What the corners at each vertex have together."""
    rows = faces.reshape(-1)
    return np.stack([np.bincount(rows, v, num_vertices) for v in values.reshape(-1, 3).T], axis=1)


def _unit(vectors: Float[np.ndarray, "rows 3"]) -> Float[np.ndarray, "rows 3"]:
    """Of unit length; zero stays zero."""
    unit: NDArray[np.float64] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
    return unit


def _opposite_longest(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "flat 3"]
) -> Int[np.ndarray, " flat"]:
    """The corner across from each triangle's longest side."""
    corners = vertices[faces].astype(np.float64)
    longest = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2).argmax(axis=1)
    opposite: NDArray[np.int32] = faces[np.arange(len(faces)), (longest + 2) % 3]
    return opposite


def _compact(
    vertices: NDArray[np.float32], faces: Int[np.ndarray, "faces 3"]
) -> tuple[NDArray[np.float32], Int[np.ndarray, "faces 3"]]:
    """Without the vertices that no face uses."""
    used = np.zeros(len(vertices), bool)
    used[faces] = True
    row = (np.cumsum(used) - 1).astype(np.int32)
    return vertices[used], row[faces]


def solid(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> Bool[np.ndarray, " faces"]:
    """Which faces belong to bodies that hold something, or are open and no scraps; all if none does."""
    if len(faces) == 0:
        return np.zeros(0, bool)
    body = components(faces, len(vertices))
    if body.max() == 0:
        return np.ones(len(faces), bool)
    half_open = (twins(faces, len(vertices)) == OPEN).reshape(-1, 3).any(axis=1)
    is_open = np.bincount(body, half_open) > 0
    area = np.bincount(body, _areas(vertices, faces))
    empty = np.where(is_open, area < MIN_AREA_SHARE * area.sum(), volumes(vertices, faces, body) < MIN_VOLUME)
    found: NDArray[np.bool_] = ~empty[body]
    return found if found.any() else ~found


def _areas(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> Float[np.ndarray, " faces"]:
    a, b, c = (vertices[faces[:, corner]].astype(np.float64) for corner in range(3))
    areas: NDArray[np.float64] = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    return areas
