"""Boxes into a square: shelves of falling height, at the largest scale that fits."""

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from rendering.jit import kernel

SEARCH_STEPS = 12


def pack(
    sizes: Float[np.ndarray, "boxes 2"], side: int, margin: int
) -> tuple[float, Float[np.ndarray, "boxes 2"]]:
    """A scale (texels per unit) and each scaled box's corner in texels.

    Args:
        sizes: Width and height of each box.
        side: Of the square, in texels.
        margin: Texels kept free around every box.

    Raises:
        ValueError: If the boxes do not fit at any scale.
    """
    order = np.argsort(-sizes[:, 1], kind="stable")
    low = 0.0
    high = side / max(float(np.sqrt((sizes[:, 0] * sizes[:, 1]).sum())), float(sizes.max()), 1e-12)
    for _ in range(SEARCH_STEPS):
        middle = (low + high) / 2
        if _place(sizes, order, middle, side, margin)[0]:
            low = middle
        else:
            high = middle
    fits, places = _place(sizes, order, low, side, margin)
    if not fits:
        raise ValueError(f"{len(sizes)} charts do not fit into {side} x {side} texels")
    return low, places


@kernel()
def _place(
    sizes: NDArray[np.float64], order: NDArray[np.int64], scale: float, side: int, margin: int
) -> tuple[bool, NDArray[np.float64]]:
    places = np.zeros((len(sizes), 2))
    x, y, shelf = 0.0, 0.0, 0.0
    for i in order:
        width = np.ceil(sizes[i, 0] * scale) + 2 * margin
        height = np.ceil(sizes[i, 1] * scale) + 2 * margin
        if x + width > side:
            x, y, shelf = 0.0, y + shelf, 0.0
        if x + width > side or y + height > side:
            return False, places
        places[i, 0], places[i, 1] = x + margin, y + margin
        x += width
        shelf = max(shelf, height)
    return True, places
