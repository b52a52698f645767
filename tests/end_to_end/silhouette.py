"""Gaps in an object's silhouette, from the centres of its splats."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

EXTENT = 1.5
Cells = NDArray[np.bool_]


def gaps_seen_from_the_side(centers: NDArray[np.float32], num_cells: int = 64) -> list[int]:
    """Sizes of the enclosed gaps in cells, largest first; the view is across the longer horizontal axis."""
    extent = np.ptp(centers, axis=0)
    seen = centers[:, [0 if extent[0] > extent[2] else 2, 1]]
    cells = np.floor((seen / EXTENT + 0.5) * num_cells).astype(int).clip(0, num_cells - 1)
    empty = np.ones((num_cells + 2, num_cells + 2), dtype=bool)  # a border, so that all outside is one region
    empty[cells[:, 0] + 1, cells[:, 1] + 1] = False
    _take_region(empty, (0, 0))
    return sorted(_region_sizes(empty), reverse=True)


def _region_sizes(empty: Cells) -> Iterator[int]:
    while empty.any():
        row, column = np.argwhere(empty)[0]
        yield _take_region(empty, (int(row), int(column)))


def _take_region(empty: Cells, start: tuple[int, int]) -> int:
    """Removes the region around a cell; gives its size."""
    todo, size = [start], 0
    while todo:
        row, column = todo.pop()
        inside = 0 <= row < empty.shape[0] and 0 <= column < empty.shape[1]
        if inside and empty[row, column]:
            empty[row, column] = False
            size += 1
            todo += [(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)]
    return size
