"""`crop_to_object` on a GPU: the same steps as Pillow's, as two products with matrices of Lanczos weights.

    RGBA -> GPU, squared -> premultiplied -> columns, rows resized (rounded to 8 bits in between) -> on black

The box is found on the host, where the image comes from, so nothing waits for the GPU, not even for what it
does for the object before.
"""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional as F

from models.conditioning.preprocess import crop_box
from models.transfer import to_device_async

LOBES = 3.0
KEPT_MATRICES = 64


def crop_on_device(
    image: UInt8[np.ndarray, "height width 4"], size: int, device: torch.device
) -> UInt8[Tensor, "size size 3"]:
    """Like `crop_to_object`, and within one level of it.

    Raises:
        EmptyMatteError: No pixel, or a single one, is opaque enough.
    """
    left, top, right, bottom = (round(side) for side in crop_box(image[:, :, 3]))
    height, width = image.shape[:2]
    # a copy, for what came from another process is read-only
    inside = np.array(image[max(top, 0) : bottom, max(left, 0) : right], order="C")
    pixels = to_device_async(torch.from_numpy(inside), device).int()
    around = (max(-left, 0), max(right - width, 0), max(-top, 0), max(bottom - height, 0))
    square = F.pad(pixels, (0, 0, *around))
    color, alpha = square[..., :3], square[..., 3:]
    if len(square) == size:
        return _on_black(color, alpha)
    channels = torch.cat([_multiplied(color, alpha), alpha], dim=2).permute(2, 0, 1).float()
    rows, columns = (lanczos_matrix(side, size, device) for side in channels.shape[1:])
    resized = _rounded(rows @ _rounded(channels @ columns.T)).int().permute(1, 2, 0)
    premultiplied, alpha = resized[..., :3], resized[..., 3:]
    return _on_black(_divided(premultiplied, alpha), alpha)


@lru_cache(maxsize=KEPT_MATRICES)
def lanczos_matrix(length: int, size: int, device: torch.device) -> Float[Tensor, "size length"]:
    """Weights of `length` inputs in each of `size` outputs; shrinking widens the filter.

    Drawn where it is needed: objects differ in size, and one takes a core of a host 10 ms.
    """
    scale = length / size
    width = max(scale, 1.0)
    centre = (torch.arange(size, dtype=torch.float64, device=device)[:, None] + 0.5) * scale
    inputs = torch.arange(length, dtype=torch.float64, device=device)[None]
    first = (centre - LOBES * width + 0.5).trunc().clamp(min=0)
    last = (centre + LOBES * width + 0.5).trunc().clamp(max=length)
    distance = (inputs - centre + 0.5) / width
    weights = torch.sinc(distance) * torch.sinc(distance / LOBES) * (distance.abs() < LOBES)
    weights = weights * ((inputs >= first) & (inputs < last))
    return (weights / weights.sum(1, keepdim=True)).float()


def _multiplied(values: Int[Tensor, "*n c"], alpha: Int[Tensor, "*n 1"]) -> Int[Tensor, "*n c"]:
    """values x alpha / 255, rounded, in integers."""
    product = values * alpha + 128
    return ((product >> 8) + product) >> 8


def _rounded(values: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    return (values + 0.5).floor().clamp(0, 255)


def _divided(values: Int[Tensor, "*n c"], alpha: Int[Tensor, "*n 1"]) -> Int[Tensor, "*n c"]:
    """values x 255 / alpha, cut off, as the colours of an image with straight alpha."""
    return torch.where(alpha > 0, (255 * values // alpha.clamp(min=1)).clamp(max=255), values)


def _on_black(color: Int[Tensor, "*n c"], alpha: Int[Tensor, "*n 1"]) -> UInt8[Tensor, "*n c"]:
    return (color.float() / 255 * (alpha.float() / 255) * 255).to(torch.uint8)
