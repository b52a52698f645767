"""int8 weights with one scale per output row; the product runs in the input's precision."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from models.fast.quantization.linear import QuantizedLinear

INT8_MAX = 127
MIN_MAGNITUDE = 1e-12


class Int8Linear(QuantizedLinear):
    """W[o, :] = s[o] * q[o, :] with q in -127..127."""

    codes: Tensor
    scale: Tensor

    def __init__(self, weight: Float[Tensor, "out in"]) -> None:
        super().__init__(weight)
        scale = weight.abs().amax(dim=1, keepdim=True).float().clamp_min_(MIN_MAGNITUDE) / INT8_MAX
        self.register_buffer("codes", (weight.float() / scale).round_().to(torch.int8))
        self.register_buffer("scale", scale)

    def dequantized(self, dtype: torch.dtype) -> Float[Tensor, "out in"]:
        return (self.codes.float() * self.scale).to(dtype)

    def forward(self, x: Float[Tensor, "*rows in"]) -> Float[Tensor, "*rows out"]:
        scaled = F.linear(x, self.codes.to(x.dtype)) * self.scale[:, 0].to(x.dtype)
        return scaled if self.bias is None else scaled + self.bias
