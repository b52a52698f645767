"""Which faces around an edge belong together, and the fans of faces around every vertex.

Where four faces meet in an edge two bodies touch there, or one touches itself. Each face is joined with the
one across the solid between them, so what touches comes apart, as if there were a little air in between.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from export.meshes.topology import OPEN
from rendering.jit import kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class Fans:
    """Every fan as a vertex of its own; those that share a vertex come one after the other.

    Attributes:
        faces: The fan at each face's corners.
        middle: The vertex that each fan lies around.
        twin: The half-edge that runs back along each one, `OPEN` where there is none.
    """

    faces: Int[np.ndarray, "faces 3"]
    middle: Int[np.ndarray, " fans"]
    twin: Int[np.ndarray, " half_edges"]

    @property
    def crowded(self) -> Bool[np.ndarray, " fans"]:
        """Which fans share their vertex."""
        shared: NDArray[np.bool_] = np.bincount(self.middle)[self.middle] > 1
        return shared


def fans_of(vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]) -> Fans:
    """The fans of a mesh with at least one face."""
    faces = np.ascontiguousarray(faces, np.int32)
    twin = _joined(np.ascontiguousarray(vertices, np.float64), faces)
    label, count = _labels(twin)
    middle = np.empty(count, np.int32)
    middle[label] = faces.reshape(-1)
    order = np.argsort(middle, kind="stable")
    number = np.empty(count, np.int32)
    number[order] = np.arange(count, dtype=np.int32)
    return Fans(faces=number[label].reshape(-1, 3), middle=middle[order], twin=twin)


@kernel()
def _joined(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> NDArray[np.int32]:
    """Every half-edge's twin, across the solid where there are several that run back; `OPEN` for none."""
    starts = np.zeros(len(vertices) + 1, np.int32)
    for f in range(len(faces)):
        for k in range(3):
            starts[faces[f, k] + 1] += 1
    for v in range(len(vertices)):
        starts[v + 1] += starts[v]
    leaving = np.empty(3 * len(faces), np.int32)  # half-edges by the vertex they leave
    place = starts.copy()
    for f in range(len(faces)):
        for k in range(3):
            leaving[place[faces[f, k]]] = 3 * f + k
            place[faces[f, k]] += 1
    twin = np.full(3 * len(faces), OPEN, np.int32)
    done = np.zeros(3 * len(faces), np.bool_)
    for h in range(3 * len(faces)):
        if done[h]:
            continue
        source, target = faces[h // 3, h % 3], faces[h // 3, (h % 3 + 1) % 3]
        num_forth, num_back, last = 0, 0, OPEN
        for i in range(starts[source], starts[source + 1]):
            num_forth += faces[leaving[i] // 3, (leaving[i] % 3 + 1) % 3] == target
        for i in range(starts[target], starts[target + 1]):
            if faces[leaving[i] // 3, (leaving[i] % 3 + 1) % 3] == source:
                last = leaving[i]
                num_back += 1
        if num_forth == 1 and num_back == 1:
            twin[h], twin[last] = last, h
            done[h] = done[last] = True
            continue
        found = np.empty(num_forth + num_back, np.int64)
        end = 0
        for leaves, arrives in ((source, target), (target, source)):
            for i in range(starts[leaves], starts[leaves + 1]):
                if faces[leaving[i] // 3, (leaving[i] % 3 + 1) % 3] == arrives:
                    found[end] = leaving[i]
                    done[leaving[i]] = True
                    end += 1
        if num_forth > 0 and num_back > 0:
            _join_around(vertices, faces, found, num_forth, twin)
    return twin


@kernel()
def _join_around(
    vertices: NDArray[np.float64],
    faces: NDArray[np.int32],
    edges: NDArray[np.int64],
    num_forth: int,
    twin: NDArray[np.int32],
) -> None:
    """Pairs half-edges of one edge, the first `num_forth` of which run forth and the others back.

    With growing angle around the edge, seen against its direction, comes first a face that runs back, then
    what is solid, then a face that runs forth: brackets, which are matched as such.
    """
    start = vertices[faces[edges[0] // 3, edges[0] % 3]]
    axis = vertices[faces[edges[0] // 3, (edges[0] % 3 + 1) % 3]] - start
    axis /= max(np.sqrt((axis * axis).sum()), 1e-30)
    side = np.zeros(3)
    side[np.argmin(np.abs(axis))] = 1.0
    right = np.cross(axis, side)
    right /= np.sqrt((right * right).sum())
    up = np.cross(axis, right)
    angles = np.empty(len(edges))
    for i in range(len(edges)):
        apex = vertices[faces[edges[i] // 3, (edges[i] % 3 + 2) % 3]] - start
        angles[i] = np.arctan2((apex * up).sum(), (apex * right).sum())
    order = np.argsort(angles)
    opened = np.empty(2 * len(edges), np.int64)
    height = 0
    for step in range(2 * len(edges)):
        i = order[step % len(edges)]
        if twin[edges[i]] != OPEN:
            continue
        if i >= num_forth:
            if step < len(edges):
                opened[height] = edges[i]
                height += 1
        elif height > 0:
            height -= 1
            twin[edges[i]], twin[opened[height]] = opened[height], edges[i]


@kernel()
def _labels(twin: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]:
    """The fan of each corner: those that one gets to around the vertex, in either direction."""
    label = np.full(len(twin), -1, np.int32)
    count = 0
    for first in range(len(twin)):
        if label[first] >= 0:
            continue
        corner = first
        while corner != OPEN and label[corner] < 0:
            label[corner] = count
            corner = twin[corner // 3 * 3 + (corner % 3 + 2) % 3]
        other = twin[first]
        while other != OPEN:
            corner = other // 3 * 3 + (other % 3 + 1) % 3
            if label[corner] >= 0:
                break
            label[corner] = count
            other = twin[corner]
        count += 1
    return label, count
