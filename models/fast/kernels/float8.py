"""Rows of numbers as fp8 (e4m3) codes with one fp32 scale each: x = scale * code, scale = max |x| / 448."""

import torch
from jaxtyping import Float
from torch import Tensor

from models.fast.kernels.devices import runs_kernels

FLOAT8 = torch.float8_e4m3fn
FLOAT8_MAX = torch.finfo(FLOAT8).max
MIN_MAGNITUDE = 1e-12


def float8_rows(x: Float[Tensor, "rows columns"]) -> tuple[Tensor, Float[Tensor, "rows 1"]]:
    """Codes and scales; each row is read once."""
    if runs_kernels(x):
        from models.fast.kernels.float8_triton import quantize

        return quantize(x)
    return float8_rows_reference(x)


def float8_rows_reference(x: Float[Tensor, "rows columns"]) -> tuple[Tensor, Float[Tensor, "rows 1"]]:
    """The same in plain operations."""
    magnitude = x.abs().amax(dim=1, keepdim=True).float().clamp_min_(MIN_MAGNITUDE)
    scale = magnitude / FLOAT8_MAX
    codes = (x.float() / scale).clamp_(-FLOAT8_MAX, FLOAT8_MAX).to(FLOAT8)
    return codes, scale
