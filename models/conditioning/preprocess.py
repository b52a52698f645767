"""A cut-out object to the square image on black that the image encoder sees."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from models.errors import EmptyMatteError

ALPHA_THRESHOLD = 204  # 0.8 * 255; what is not above it in a matte does not count as object
MARGIN = 1.2  # side of the crop over the longest side of the object


def crop_to_object(image: UInt8[np.ndarray, "height width 4"], size: int) -> UInt8[np.ndarray, "size size 3"]:
    """Crops an RGBA image (straight alpha) around its opaque part, scales it and composes it on black.

    Raises:
        EmptyMatteError: No pixel, or a single one, is opaque enough.
    """
    crop = Image.fromarray(image).crop(crop_box(image[:, :, 3]))
    scaled = crop.resize((size, size), Image.Resampling.LANCZOS)  # Pillow premultiplies while it filters RGBA
    rgba = np.asarray(scaled).astype(np.float32) / 255
    on_black: np.ndarray = (rgba[:, :, :3] * rgba[:, :, 3:] * 255).astype(np.uint8)
    return on_black


def crop_box(
    alpha: UInt8[np.ndarray, "height width"], margin: float = MARGIN
) -> tuple[float, float, float, float]:
    """A square (left, top, right, bottom) around the object; it may reach beyond the image.

    Args:
        alpha: What is above `ALPHA_THRESHOLD` is object.
        margin: Side of the square over the longest side of the object.

    Raises:
        EmptyMatteError: No pixel, or a single one, is opaque enough.
    """
    opaque = alpha > ALPHA_THRESHOLD
    rows, columns = (np.flatnonzero(opaque.any(axis=axis)) for axis in (1, 0))
    if len(rows) == 0:
        raise EmptyMatteError("no pixel of the image is opaque")
    top, bottom, left, right = int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])
    half = int(max(right - left, bottom - top) * margin) // 2
    if half == 0:
        raise EmptyMatteError("the object in the image is a single pixel")
    x, y = (left + right) / 2, (top + bottom) / 2
    return x - half, y - half, x + half, y + half
