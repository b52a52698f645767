"""Colours anywhere near a dense surface: a mean of the vertices around that look the same way.

weight = exp(-(distance / SPREAD)^2 / 2) * (cosine of the normals + SLACK, at least 0)
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from export.meshes.clean_up import vertex_normals
from export.meshes.surface import Surface
from rendering.jit import kernel

CELL = 1 / 256  # the fine voxel: about one vertex in each cell that the surface crosses
SPREAD = 0.6 * CELL
SLACK = 0.2
MAX_REACH = 24  # cells
GREY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorLookup:
    """Vertices in the order of the cells they lie in.

    Attributes:
        origin: Lowest corner of the grid.
        starts: Where each cell's vertices start; one more at the end. Cells lie in C order.
        shape: Cells along each axis.
    """

    vertices: Float[np.ndarray, "vertices 3"]
    normals: Float[np.ndarray, "vertices 3"]
    colors: Float[np.ndarray, "vertices 3"]
    origin: Float[np.ndarray, " 3"]
    starts: NDArray[np.int32]
    shape: tuple[int, int, int]

    def colors_at(
        self,
        points: Float[np.ndarray, "points 3"],
        normals: Float[np.ndarray, "points 3"],
        otherwise: Float[np.ndarray, "points 3"] | None = None,
    ) -> Float[np.ndarray, "points 3"]:
        """sRGB, 0 to 1; `otherwise`, by default grey, farther than `MAX_REACH` cells from every vertex."""
        found = np.full(points.shape, GREY, np.float32) if otherwise is None else otherwise.astype(np.float32)
        _look_up(
            np.ascontiguousarray(points, np.float32),
            np.ascontiguousarray(normals, np.float32),
            self.vertices,
            self.normals,
            self.colors,
            self.origin,
            self.starts,
            self.shape,
            found,
        )
        return found


def color_lookup(surface: Surface) -> ColorLookup:
    """Sorts the vertices of a dense surface into cells."""
    return lookup_of_points(surface.vertices, vertex_normals(surface.vertices, surface.faces), surface.colors)


def lookup_of_points(
    points: Float[np.ndarray, "vertices 3"],
    normals: Float[np.ndarray, "vertices 3"],
    colors: Float[np.ndarray, "vertices 3"],
) -> ColorLookup:
    """Sorts points of a surface, about as dense as the cells or denser, into cells."""
    origin = points.min(axis=0)
    cells = ((points - origin) / CELL).astype(np.int64)
    x, y, z = (int(count) + 1 for count in cells.max(axis=0))
    keys = (cells[:, 0] * y + cells[:, 1]) * z + cells[:, 2]
    order, starts = _bucket(keys, x * y * z)
    return ColorLookup(
        vertices=points[order].astype(np.float32),
        normals=normals[order].astype(np.float32),
        colors=colors[order].astype(np.float32),
        origin=origin,
        starts=starts,
        shape=(x, y, z),
    )


@kernel()
def _bucket(keys: NDArray[np.int64], num_cells: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    starts = np.zeros(num_cells + 1, np.int32)
    for key in keys:
        starts[key + 1] += 1
    for cell in range(num_cells):
        starts[cell + 1] += starts[cell]
    order, place = np.empty(len(keys), np.int64), starts.copy()
    for i in range(len(keys)):
        order[place[keys[i]]] = i
        place[keys[i]] += 1
    return order, starts


@kernel(fastmath=True)
def _look_up(
    points: NDArray[np.float32],
    directions: NDArray[np.float32],
    vertices: NDArray[np.float32],
    normals: NDArray[np.float32],
    colors: NDArray[np.float32],
    origin: NDArray[np.float32],
    starts: NDArray[np.int32],
    shape: tuple[int, int, int],
    result: NDArray[np.float32],
) -> None:
    """Searches the 3^3 cells around each point, and wider ones until there is a vertex."""
    center, total = np.empty(3, np.int64), np.empty(3)
    for i in range(len(points)):
        for axis in range(3):
            center[axis] = int(np.floor((points[i, axis] - origin[axis]) / CELL))
        reach = 1
        while reach <= MAX_REACH:
            spread = SPREAD * reach
            weight_sum = 0.0
            total[:] = 0.0
            for x in range(max(center[0] - reach, 0), min(center[0] + reach + 1, shape[0])):
                for y in range(max(center[1] - reach, 0), min(center[1] + reach + 1, shape[1])):
                    row = (x * shape[1] + y) * shape[2]
                    first, end = max(center[2] - reach, 0), min(center[2] + reach + 1, shape[2])
                    if first >= end:
                        continue
                    for j in range(starts[row + first], starts[row + end]):
                        dx, dy = points[i, 0] - vertices[j, 0], points[i, 1] - vertices[j, 1]
                        dz = points[i, 2] - vertices[j, 2]
                        cosine = (
                            directions[i, 0] * normals[j, 0]
                            + directions[i, 1] * normals[j, 1]
                            + directions[i, 2] * normals[j, 2]
                        )
                        squared = (dx * dx + dy * dy + dz * dz) / (spread * spread)
                        weight = np.exp(-0.5 * squared) * max(cosine + SLACK, 0.0)
                        weight_sum += weight
                        for axis in range(3):
                            total[axis] += weight * colors[j, axis]
            if weight_sum > 1e-6:
                for axis in range(3):
                    result[i, axis] = total[axis] / weight_sum
                break
            reach *= 2
