"""Faces that nobody can see because they look into a hollow without a way out.

The decoder knows a shell of voxels and takes all else for empty, so behind the surface it draws lies a second
one around the hollow inside. It would take half of the faces and of the texture. Where the two are joined by
a pinhole they are one component, so the hollow is found in space, not on the mesh: cells without vertices
that a flood from outside does not reach.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from export.meshes.topology import twins
from rendering.jit import kernel

CELLS = 64  # along the cube [-0.5, 0.5]^3: the decoder's voxels, four times coarser than its vertices
EMPTY, WALL, OUTSIDE = 0, 1, 2


def looks_into_hollow(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> Bool[np.ndarray, " faces"]:
    """For each face whether it bounds a closed hollow.

    A face is certain where the cell before it, a cell's width away, lies outside or in a hollow; the others
    follow the nearest certain one on the mesh. Vertices must be denser than the cells, or the flood leaks.
    """
    vertices, faces = np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(faces, np.int32)
    index = ((vertices + 0.5) * CELLS).astype(np.int32).clip(0, CELLS - 1) + 1
    cells = np.zeros((CELLS + 2,) * 3, np.uint8)
    cells[index[:, 0], index[:, 1], index[:, 2]] = WALL
    _flood(cells)
    before = _before(vertices, faces, cells)
    if (before != EMPTY).all():
        return np.zeros(len(faces), bool)
    _spread(before, twins(faces, len(vertices)))
    hidden: NDArray[np.bool_] = before == EMPTY
    return hidden


@kernel()
def _flood(cells: NDArray[np.uint8]) -> None:
    """Marks every empty cell that has a way to the first one; the outermost cells are empty."""
    side = cells.shape[0]
    stack = np.empty((cells.size, 3), np.int16)
    stack[0] = 0
    cells[0, 0, 0] = OUTSIDE
    height = 1
    while height > 0:
        height -= 1
        x, y, z = stack[height]
        for axis in range(3):
            for step in (-1, 1):
                a = x + (step if axis == 0 else 0)
                b = y + (step if axis == 1 else 0)
                c = z + (step if axis == 2 else 0)
                inside = 0 <= a < side and 0 <= b < side and 0 <= c < side
                if inside and cells[a, b, c] == EMPTY:
                    cells[a, b, c] = OUTSIDE
                    stack[height] = (a, b, c)
                    height += 1


@kernel()
def _before(
    vertices: NDArray[np.float32], faces: NDArray[np.int32], cells: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """What lies before each face; `WALL` for faces without area too."""
    found = np.full(len(faces), WALL, np.uint8)
    normal, place = np.empty(3, np.float64), np.empty(3, np.int64)
    for f in range(len(faces)):
        a, b, c = vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]]
        for i in range(3):
            j, k = (i + 1) % 3, (i + 2) % 3
            normal[i] = (b[j] - a[j]) * (c[k] - a[k]) - (b[k] - a[k]) * (c[j] - a[j])
        length = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)
        if length < 1e-20:
            continue
        for axis in range(3):
            before = (a[axis] + b[axis] + c[axis]) / 3 + normal[axis] / length / CELLS
            place[axis] = min(max(int(np.floor((before + 0.5) * CELLS)) + 1, 0), CELLS + 1)
        found[f] = cells[place[0], place[1], place[2]]
    return found


@kernel()
def _spread(before: NDArray[np.uint8], twin: NDArray[np.int32]) -> None:
    """Gives `WALL` faces what their nearest other face has, breadth first."""
    queue = np.empty(len(before), np.int32)
    end = 0
    for f in range(len(before)):
        if before[f] != WALL:
            queue[end] = f
            end += 1
    start = 0
    while start < end:
        f = queue[start]
        start += 1
        for k in range(3):
            half_edge = twin[3 * f + k]
            if half_edge >= 0 and before[half_edge // 3] == WALL:
                before[half_edge // 3] = before[f]
                queue[end] = half_edge // 3
                end += 1
