"""The surface where a field on a full grid changes its sign (surface nets, Gibson 1998).

cells with both signs at their corners -> a vertex in each, the mean of the crossings on its edges
edges of the grid with both signs -> a quad of the four cells around it, cut along its shorter diagonal
"""

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from rendering.jit import kernel

NONE = -1


def surface_net(
    values: Float[np.ndarray, "x y z"],
) -> tuple[Float[np.ndarray, "vertices 3"], Int[np.ndarray, "faces 3"]]:
    """Vertices in cells from the first grid vertex, and faces, counter-clockwise seen from positive values.

    The surface is closed if nothing at the grid's border is negative; where it touches itself, edges have
    four faces.
    """
    number = np.full(values.shape, NONE, np.int32)
    vertices = _vertices(values, number)
    return vertices, _faces(values, number, vertices)


@kernel()
def _vertices(values: NDArray[np.float32], number: NDArray[np.int32]) -> NDArray[np.float32]:
    """A vertex for each crossed cell, which gets its number."""
    nx, ny, nz = values.shape
    count = 0
    for x in range(nx - 1):
        for y in range(ny - 1):
            rows = values[x, y], values[x, y + 1], values[x + 1, y], values[x + 1, y + 1]
            low = (rows[0][0] < 0) + (rows[1][0] < 0) + (rows[2][0] < 0) + (rows[3][0] < 0)
            for z in range(nz - 1):
                high = (rows[0][z + 1] < 0) + (rows[1][z + 1] < 0)
                high += (rows[2][z + 1] < 0) + (rows[3][z + 1] < 0)
                if 0 < low + high < 8:
                    number[x, y, z] = count
                    count += 1
                low = high
    found = np.empty((count, 3), np.float32)
    total, corner = np.empty(3), np.empty(3, np.int64)
    for x in range(nx - 1):
        for y in range(ny - 1):
            for z in range(nz - 1):
                if number[x, y, z] == NONE:
                    continue
                total[:] = 0.0
                crossings = 0
                for axis in range(3):
                    for side in range(4):
                        corner[axis] = 0
                        corner[(axis + 1) % 3], corner[(axis + 2) % 3] = side & 1, side >> 1
                        start = values[x + corner[0], y + corner[1], z + corner[2]]
                        corner[axis] = 1
                        end = values[x + corner[0], y + corner[1], z + corner[2]]
                        if (start < 0) != (end < 0):
                            for other in range(3):
                                total[other] += start / (start - end) if other == axis else corner[other]
                            crossings += 1
                found[number[x, y, z]] = (
                    x + total[0] / crossings,
                    y + total[1] / crossings,
                    z + total[2] / crossings,
                )
    return found


@kernel()
def _faces(
    values: NDArray[np.float32], number: NDArray[np.int32], vertices: NDArray[np.float32]
) -> NDArray[np.int32]:
    """Two for each crossed edge that has four cells around it."""
    nx, ny, nz = values.shape
    faces = np.empty((6 * len(vertices) + 6, 3), np.int32)
    count, quad = 0, np.empty(4, np.int32)
    for x in range(1, nx - 1):
        for y in range(1, ny - 1):
            for z in range(1, nz - 1):
                inside = values[x, y, z] < 0
                for axis in range(3):
                    dx, dy, dz = int(axis == 0), int(axis == 1), int(axis == 2)
                    if (values[x + dx, y + dy, z + dz] < 0) == inside:
                        continue
                    ux, uy, uz = int(axis == 2), int(axis == 0), int(axis == 1)  # the axis after this one
                    vx, vy, vz = int(axis == 1), int(axis == 2), int(axis == 0)
                    quad[0] = number[x - ux - vx, y - uy - vy, z - uz - vz]
                    quad[1] = number[x - vx, y - vy, z - vz]
                    quad[2] = number[x, y, z]
                    quad[3] = number[x - ux, y - uy, z - uz]
                    if not inside:
                        quad[1], quad[3] = quad[3], quad[1]
                    first = ((vertices[quad[0]] - vertices[quad[2]]) ** 2).sum()
                    turn = 0 if first <= ((vertices[quad[1]] - vertices[quad[3]]) ** 2).sum() else 1
                    faces[count] = quad[turn], quad[turn + 1], quad[(turn + 2) % 4]
                    faces[count + 1] = quad[turn], quad[(turn + 2) % 4], quad[(turn + 3) % 4]
                    count += 2
    return faces[:count]
