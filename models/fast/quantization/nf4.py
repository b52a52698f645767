"""4-bit normal floats (Dettmers et al. 2023, QLoRA): blocks of 64 weights share a scale, a code is one of 16
levels at the quantiles of a normal distribution.

    W[o, 64 j + i] = absmax[o, j] * LEVELS[code[o, 64 j + i]]

Two codes lie in a byte, the first in its high half. The levels are computed, not copied: the outermost 8
negative and 9 positive quantiles of a normal distribution between `OFFSET` and 1/2, scaled to -1..1, zero
in both counted once.
"""

from functools import cache
from statistics import NormalDist

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from models.fast.kernels.nf4 import widened_nf4
from models.fast.kernels.parameters import NF4_BLOCK
from models.fast.quantization.linear import QuantizedLinear

OFFSET = 0.9677083  # share of the distribution inside the outermost level, the paper's choice
MIN_MAGNITUDE = 1e-12


@cache
def levels() -> tuple[float, ...]:
    """The 16 values a code stands for, ascending from -1 to 1; code 7 is zero."""
    normal = NormalDist()

    def quantiles(count: int) -> list[float]:
        step = (OFFSET - 0.5) / (count - 1)
        return [normal.inv_cdf(OFFSET - step * i) for i in range(count - 1)]

    values = sorted([*(-q for q in quantiles(8)), 0.0, *quantiles(9)])
    return tuple(value / values[-1] for value in values)


def quantize_blocks(weight: Float[Tensor, "out in"]) -> tuple[UInt8[Tensor, "out half"], Tensor]:
    """Packed codes, and the scale of each block [out, in / 64].

    Raises:
        ValueError: The input side is not a multiple of the block.
    """
    rows, columns = weight.shape
    if columns % NF4_BLOCK:
        raise ValueError(f"{columns} inputs are not a multiple of {NF4_BLOCK}")
    blocks = weight.float().reshape(rows, columns // NF4_BLOCK, NF4_BLOCK)
    absmax = blocks.abs().amax(dim=2)
    table = torch.tensor(levels(), device=weight.device)
    borders = (table[1:] + table[:-1]) / 2
    codes = torch.bucketize(blocks / absmax.clamp_min(MIN_MAGNITUDE)[..., None], borders, out_int32=True)
    pairs = codes.to(torch.uint8).reshape(rows, columns // 2, 2)
    return pairs[..., 0] << 4 | pairs[..., 1], absmax.to(torch.bfloat16)


class Nf4Linear(QuantizedLinear):
    """Widens the weight before each product, which runs in the input's precision."""

    codes: Tensor
    absmax: Tensor
    levels: Tensor

    def __init__(self, weight: Float[Tensor, "out in"]) -> None:
        super().__init__(weight)
        codes, absmax = quantize_blocks(weight)
        self.register_buffer("codes", codes)
        self.register_buffer("absmax", absmax)
        self.register_buffer("levels", torch.tensor(levels(), device=weight.device, dtype=torch.bfloat16))

    def dequantized(self, dtype: torch.dtype) -> Float[Tensor, "out in"]:
        return widened_nf4(self.codes, self.absmax, self.levels, dtype)

    def forward(self, x: Float[Tensor, "*rows in"]) -> Float[Tensor, "*rows out"]:
        return F.linear(x, self.dequantized(x.dtype), self.bias)
