"""fp8 (e4m3) weights with one scale per output row.

    W[o, :] = s[o] * q[o, :],   s[o] = max |W[o, :]| / 448

`Float8Linear` multiplies in fp8 too where the GPU has fp8 matrix units (compute capability 8.9 and up):
each row of the input gets a scale of its own at run time, and the product is scaled back by both. A handful
of rows keeps its precision and takes the weight's codes as they are. Elsewhere the weight is widened before
the product, whose sum is that of the input's precision.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from models.fast.kernels.float8 import few_rows_product, float8_rows, float8_rows_reference
from models.fast.kernels.parameters import MAX_FEW_ROWS
from models.fast.quantization.linear import QuantizedLinear

ALIGNMENT = 16  # of both sides of the weight, wanted by the fp8 product
MIN_CAPABILITY = (8, 9)


def quantized_product(
    x: Float[Tensor, "rows in"], codes: Tensor, scale: Float[Tensor, "out 1"], bias: Tensor | None
) -> Float[Tensor, "rows out"]:
    """The reference of the fp8 product: both factors quantised by row, the sum in fp32."""
    x_codes, x_scale = float8_rows_reference(x)
    product = (x_codes.float() @ codes.float().T) * x_scale * scale.T
    return (product if bias is None else product + bias.float()).to(x.dtype)


class Float8Linear(QuantizedLinear):
    """Multiplies in fp8 where the GPU can."""

    codes: Tensor
    scale: Tensor

    def __init__(self, weight: Float[Tensor, "out in"]) -> None:
        super().__init__(weight)
        codes, scale = float8_rows(weight)
        self.register_buffer("codes", codes)
        self.register_buffer("scale", scale)
        self._in_float8 = multiplies_in_float8(weight)

    def dequantized(self, dtype: torch.dtype) -> Float[Tensor, "out in"]:
        return (self.codes.float() * self.scale).to(dtype)

    def forward(self, x: Float[Tensor, "*rows in"]) -> Float[Tensor, "*rows out"]:
        rows = x.reshape(-1, self.in_features)
        if not self._in_float8:
            return self._widened_product(x)
        if len(rows) <= MAX_FEW_ROWS:  # the fp8 product has odd rules of alignment for so few
            few = few_rows_product(rows, self.codes, self.scale, self.bias)
            return few.reshape(*x.shape[:-1], self.out_features)
        codes, scale = float8_rows(rows)
        product: Tensor = torch._scaled_mm(
            codes,
            self.codes.T,
            scale_a=scale,
            scale_b=self.scale.T,
            bias=self.bias,
            out_dtype=x.dtype,
            use_fast_accum=True,
        )
        return product.reshape(*x.shape[:-1], self.out_features)

    def _widened_product(self, x: Float[Tensor, "*rows in"]) -> Float[Tensor, "*rows out"]:
        scaled = F.linear(x, self.codes.to(x.dtype)) * self.scale[:, 0].to(x.dtype)
        return scaled if self.bias is None else scaled + self.bias


def multiplies_in_float8(weight: Float[Tensor, "out in"]) -> bool:
    """Whether the weight's device and shape suit the fp8 product."""
    aligned = all(side % ALIGNMENT == 0 for side in weight.shape)
    return (
        aligned
        and weight.device.type == "cuda"
        and weight.dtype == torch.bfloat16
        and torch.cuda.get_device_capability(weight.device) >= MIN_CAPABILITY
    )
