"""4-bit codes to the weights that they stand for: two codes a byte, the first in its high half."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from models.fast.kernels.devices import runs_kernels
from models.fast.kernels.parameters import NF4_BLOCK


def widened_nf4(
    codes: UInt8[Tensor, "out half"],
    absmax: Float[Tensor, "out blocks"],
    levels: Float[Tensor, "16"],
    dtype: torch.dtype,
) -> Float[Tensor, "out in"]:
    """absmax * level of each code, rounded to `dtype` once for the factors and once for the product.

    Args:
        codes: Two a byte.
        absmax: Scale of each block of 64 weights.
        levels: What a code stands for.
        dtype: Of the result.
    """
    levels, absmax = levels.to(dtype), absmax.to(dtype)
    if runs_kernels(codes):
        from models.fast.kernels.nf4_triton import widen

        return widen(codes, absmax, levels)
    pairs = F.embedding(codes.int(), torch.cartesian_prod(levels, levels))  # [out, in / 2, 2]
    return pairs.reshape(len(codes), -1, NF4_BLOCK).mul_(absmax[..., None]).reshape(len(codes), -1)
