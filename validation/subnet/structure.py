"""Structural similarity (Wang et al. 2004) with a Gaussian window of 11 pixels, as torchmetrics has it.

torchmetrics is not a dependency for these lines: tests hold them to its numbers.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d, pad

SIGMA, REACH = 1.5, 5  # of the window, in pixels
C1, C2 = 0.01**2, 0.03**2  # for values of 0 to 1


def ssim(
    first: Float[Tensor, "pairs 3 height width"], second: Float[Tensor, "pairs 3 height width"]
) -> Float[Tensor, " pairs"]:
    """Of each pair of pictures with values of 0 to 1; the edges are mirrored."""
    mean_1, mean_2 = _blurred(first), _blurred(second)
    variance_1 = (_blurred(first * first) - mean_1**2).clamp_min(0.0)
    variance_2 = (_blurred(second * second) - mean_2**2).clamp_min(0.0)
    covariance = _blurred(first * second) - mean_1 * mean_2
    light = (2 * mean_1 * mean_2 + C1) / (mean_1**2 + mean_2**2 + C1)
    structure = (2 * covariance + C2) / (variance_1 + variance_2 + C2)
    return (light * structure).mean(dim=(1, 2, 3))


def _blurred(pictures: Float[Tensor, "pairs 3 height width"]) -> Float[Tensor, "pairs 3 height width"]:
    offsets = torch.arange(-REACH, REACH + 1, dtype=pictures.dtype, device=pictures.device)
    weights = torch.exp(-0.5 * (offsets / SIGMA) ** 2)
    weights = (weights / weights.sum()).expand(3, 1, -1)
    mirrored = pad(pictures, (REACH,) * 4, mode="reflect")
    rows = conv2d(mirrored, weights[:, :, None, :], groups=3)
    return conv2d(rows, weights[:, :, :, None], groups=3)
