"""Which triangles touch which. Half-edge 3 * f + k leads from corner k of face f to its next corner."""

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from rendering.jit import kernel

OPEN = -1  # the twin of a half-edge that has none


def twins(faces: Int[np.ndarray, "faces 3"], num_vertices: int) -> Int[np.ndarray, " half_edges"]:
    """The half-edge that runs back along each half-edge, `OPEN` where there is none.

    Where more than two faces meet in an edge they are paired two by two.
    """
    found: NDArray[np.int32] = _twins(np.ascontiguousarray(faces, np.int32), num_vertices)
    return found


def components(faces: Int[np.ndarray, "faces 3"], num_vertices: int) -> Int[np.ndarray, " faces"]:
    """Number of each face's connected component; faces that share a vertex are connected."""
    root = _roots(np.ascontiguousarray(faces, np.int32), num_vertices)
    _, number = np.unique(root[faces[:, 0]], return_inverse=True)
    return number


@kernel()
def _twins(faces: NDArray[np.int32], num_vertices: int) -> NDArray[np.int32]:
    starts = np.zeros(num_vertices + 1, np.int32)
    for f in range(len(faces)):
        for k in range(3):
            starts[faces[f, k] + 1] += 1
    for v in range(num_vertices):
        starts[v + 1] += starts[v]
    leaving = np.empty(3 * len(faces), np.int32)  # half-edges by the vertex they leave
    place = starts.copy()
    for f in range(len(faces)):
        for k in range(3):
            v = faces[f, k]
            leaving[place[v]] = 3 * f + k
            place[v] += 1
    twin = np.full(3 * len(faces), OPEN, np.int32)
    for f in range(len(faces)):
        for k in range(3):
            if twin[3 * f + k] != OPEN:
                continue
            source, target = faces[f, k], faces[f, (k + 1) % 3]
            for i in range(starts[target], starts[target + 1]):
                other = leaving[i]
                if twin[other] == OPEN and faces[other // 3, (other % 3 + 1) % 3] == source:
                    twin[3 * f + k], twin[other] = other, 3 * f + k
                    break
    return twin


@kernel()
def _roots(faces: NDArray[np.int32], num_vertices: int) -> NDArray[np.int32]:
    """The first vertex of each vertex's component: union by the smaller number, paths halved."""
    parent = np.arange(num_vertices).astype(np.int32)
    for f in range(len(faces)):
        for k in range(1, 3):
            a, b = faces[f, 0], faces[f, k]
            while parent[a] != a:
                parent[a] = parent[parent[a]]
                a = parent[a]
            while parent[b] != b:
                parent[b] = parent[parent[b]]
                b = parent[b]
            if a < b:
                parent[b] = a
            else:
                parent[a] = b
    for v in range(num_vertices):
        root = v
        while parent[root] != root:
            root = parent[root]
        parent[v] = root
    return parent
