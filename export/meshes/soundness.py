"""Whether a mesh is the closed surface of solid bodies, as every program must see it that reads the file.

Vertices at one place are one vertex, also across the seams of a texture: exactly equal ones, and those that
are equal in trimesh's eight decimals. A mesh that is sound in one of these ways only is not called so.
"""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from export.meshes.fans import fans_of
from export.meshes.topology import components
from rendering.jit import kernel

DECIMALS = 1e8  # per unit: where trimesh takes vertices for one
MIN_HEIGHT = 1e-8  # of a triangle; below it trimesh calls it degenerate


@dataclass(frozen=True, slots=True, kw_only=True)
class Soundness:
    """What is wrong with a surface; each is a number of edges, faces, vertices or bodies.

    Attributes:
        open_edges: With one face.
        crowded_edges: With more than two.
        twisted_edges: With two faces that do not turn the same way.
        doubled_faces: On the same corners as another face before them.
        flat_faces: Without area.
        pinched_vertices: Where parts touch that share no edge there.
        hollow_bodies: That turn their outside in, as the wall of a bubble does.
    """

    open_edges: int = 0
    crowded_edges: int = 0
    twisted_edges: int = 0
    doubled_faces: int = 0
    flat_faces: int = 0
    pinched_vertices: int = 0
    hollow_bodies: int = 0

    @property
    def watertight(self) -> bool:
        """Whether nothing is wrong."""
        return not any(getattr(self, field.name) for field in fields(self))

    @property
    def summary(self) -> str:
        """What is wrong in words, fit for a header; "closed" if nothing is."""
        counts = {field.name.replace("_", " "): getattr(self, field.name) for field in fields(self)}
        return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "closed"


def soundness(vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]) -> Soundness:
    """What is wrong with a mesh whose positions are exactly those of its file."""
    exact, merged = merged_faces(vertices, faces), merged_faces(np.rint(vertices * DECIMALS), faces)
    found = _soundness(vertices, exact)
    if found.watertight and not np.array_equal(exact, merged):
        return _soundness(vertices, merged)
    return found


def merged_faces(
    places: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> Int[np.ndarray, "faces 3"]:
    """The faces with the first vertex of those at the same place in place of each."""
    values = np.ascontiguousarray(places, np.float64) + 0.0  # -0.0 is 0.0
    order = np.lexsort(values.T)
    ordered = values[order]
    new = np.ones(len(order), bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    first = np.empty(len(order), np.int32)
    first[order] = order[np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))]
    merged: NDArray[np.int32] = first[faces]
    return merged


def groups_of_corners(faces: Int[np.ndarray, "faces 3"], num_vertices: int) -> Int[np.ndarray, " faces"]:
    """A number for each face, the same for faces on the same corners whichever way they turn."""
    a, b, c = np.sort(faces, axis=1).astype(np.int64).T
    pairs, number = np.unique(b * num_vertices + c, return_inverse=True)
    _, group = np.unique(a * len(pairs) + number, return_inverse=True)
    return group


def heights(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> Float[np.ndarray, " faces"]:
    """Of each triangle over its longest side."""
    return _heights(np.ascontiguousarray(vertices, np.float64), np.ascontiguousarray(faces, np.int32))


def volumes(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    body: Int[np.ndarray, " faces"],
) -> Float[np.ndarray, " bodies"]:
    """Signed, of each body; that of an open one says nothing."""
    centred = vertices.astype(np.float64) - vertices.mean(axis=0)
    return np.bincount(body, _cones(centred, np.ascontiguousarray(faces, np.int32))).astype(np.float64)


def edge_counts(
    faces: Int[np.ndarray, "faces 3"], num_vertices: int
) -> tuple[Int[np.ndarray, " edges"], Int[np.ndarray, " edges"]]:
    """Of every edge how many faces have it, and how many more run along it one way than the other."""
    source, target = faces.reshape(-1).astype(np.int64), np.roll(faces, -1, axis=1).reshape(-1)
    low, high = np.minimum(source, target), np.maximum(source, target)
    keys = np.sort((low * num_vertices + high) * 2 + (source > target))
    edge, back = keys >> 1, keys & 1
    first = np.flatnonzero(np.diff(edge, prepend=-1))
    count = np.diff(first, append=len(edge))
    return count, np.abs(count - 2 * np.add.reduceat(back, first))


def _soundness(vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]) -> Soundness:
    """Of faces whose corners are merged."""
    count, surplus = edge_counts(faces, len(vertices))
    middle = fans_of(vertices, faces).middle
    body = components(faces, len(vertices))
    return Soundness(
        open_edges=int((count == 1).sum()),
        crowded_edges=int((count > 2).sum()),
        twisted_edges=int(((count == 2) & (surplus > 0)).sum()),
        doubled_faces=len(faces) - len(np.unique(groups_of_corners(faces, len(vertices)))),
        flat_faces=int((heights(vertices, faces) < MIN_HEIGHT).sum()),
        pinched_vertices=len(middle) - len(np.unique(middle)),
        hollow_bodies=int((volumes(vertices, faces, body) <= 0).sum()),
    )


@kernel()
def _heights(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> NDArray[np.float64]:
    found = np.empty(len(faces))
    for f in range(len(faces)):
        a, b, c = vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]]
        area, sides = 0.0, np.zeros(3)
        for i in range(3):
            j, k = (i + 1) % 3, (i + 2) % 3
            area += ((b[j] - a[j]) * (c[k] - a[k]) - (b[k] - a[k]) * (c[j] - a[j])) ** 2
            sides[0] += (b[i] - a[i]) ** 2
            sides[1] += (c[i] - b[i]) ** 2
            sides[2] += (a[i] - c[i]) ** 2
        found[f] = np.sqrt(area / max(sides.max(), 1e-60))
    return found


@kernel()
def _cones(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> NDArray[np.float64]:
    """The signed volume between each face and the origin."""
    found = np.zeros(len(faces))
    for f in range(len(faces)):
        a, b, c = vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]]
        for i in range(3):
            j, k = (i + 1) % 3, (i + 2) % 3
            found[f] += a[i] * (b[j] * c[k] - b[k] * c[j]) / 6
    return found
