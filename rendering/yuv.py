"""Colours as video stores them, converted where the frames are rendered: half the bytes to copy and to pipe.

    Y = 16 + 219 (Kr R + Kg G + Kb B)      Cb = 128 + 224 (B - Y') / (2 (1 - Kb))      Cr alike with R and Kr

with R, G, B and Y' in 0 to 1, and Kr, Kb of BT.709 (ITU-R BT.709-6, sections 3.2 to 3.5).
"""

import torch
from jaxtyping import UInt8
from torch import Tensor

KR, KB = 0.2126, 0.0722


def yuv420p(rgb: UInt8[Tensor, "views height width 3"]) -> UInt8[Tensor, "views rows width"]:
    """Planar 4:2:0 of limited range: `height` rows of luma, then both chroma planes at half the size.

    A chroma sample is the mean of four pixels; the planes follow each other as they do in memory, two of
    their rows in one. Sides are even.

    Raises:
        ValueError: A side is odd.
    """
    views, height, width, _ = rgb.shape
    if height % 2 or width % 2:
        raise ValueError(f"4:2:0 wants even sides, not {width}x{height}")
    to_yuv = torch.tensor(_matrix(), device=rgb.device)
    pixels = rgb.float() @ to_yuv.T
    luma = pixels[..., 0] + 16.0
    chroma = pixels[..., 1:].unflatten(2, (-1, 2)).unflatten(1, (-1, 2)).mean(dim=(2, 4)) + 128.0
    planes = torch.cat([luma.flatten(1), chroma.permute(0, 3, 1, 2).flatten(1)], dim=1)
    return planes.round().to(torch.uint8).view(views, height * 3 // 2, width)


def _matrix() -> list[list[float]]:
    """From 8-bit RGB to Y, Cb and Cr without their offsets."""
    luma = [KR, 1.0 - KR - KB, KB]
    blue = [(float(i == 2) - k) / (2.0 * (1.0 - KB)) for i, k in enumerate(luma)]
    red = [(float(i == 0) - k) / (2.0 * (1.0 - KR)) for i, k in enumerate(luma)]
    return [[219.0 / 255.0 * k for k in luma], *([224.0 / 255.0 * k for k in row] for row in (blue, red))]
