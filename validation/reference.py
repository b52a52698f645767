"""A sent object as a view shows one, so that the two can be compared."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from models.conditioning.preprocess import crop_box

MARGIN = 1.5  # side of a view over the longest side of the object in it (radius 2.5, 49.1 degrees)


def reference_view(
    cut_out: UInt8[np.ndarray, "height width 4"], size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """The object on white, in the middle and as large as in a view.

    Args:
        cut_out: Straight alpha.
        size: Side of the result in pixels.

    Raises:
        EmptyMatteError: No pixel, or a single one, is opaque enough.
    """
    box = crop_box(cut_out[:, :, 3], margin=MARGIN)
    scaled = Image.fromarray(cut_out).crop(box).resize((size, size), Image.Resampling.LANCZOS)
    rgba = np.asarray(scaled).astype(np.float32) / 255
    on_white: np.ndarray = rgba[:, :, :3] * rgba[:, :, 3:] + 1 - rgba[:, :, 3:]
    return (on_white * 255).round().astype(np.uint8)
