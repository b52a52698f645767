"""Rows of numbers as fp8 (e4m3) codes with one fp32 scale each: x = scale * code, scale = max |x| / 448.

`few_rows_product` multiplies a handful of rows with such a weight as it lies in memory. Widening the weight
first would move three times the bytes, and the product of so few rows takes no longer than reading it.
"""

from jaxtyping import Float
from torch import Tensor

from models.fast.kernels.devices import runs_kernels
from models.fast.kernels.parameters import FLOAT8, FLOAT8_MAX, MAX_FEW_ROWS, MIN_MAGNITUDE


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


def few_rows_product(
    x: Float[Tensor, "rows in"],
    codes: Float[Tensor, "out in"],
    scale: Float[Tensor, "out 1"],
    bias: Float[Tensor, " out"] | None,
) -> Float[Tensor, "rows out"]:
    """x (scale * codes)^T + bias for up to MAX_FEW_ROWS rows, summed in fp32.

    Raises:
        ValueError: There are more rows.
    """
    if len(x) > MAX_FEW_ROWS:
        raise ValueError(f"{len(x)} rows are more than {MAX_FEW_ROWS}")
    if runs_kernels(x):
        from models.fast.kernels.float8_triton import multiply_few

        return multiply_few(x, codes, scale, bias)
    product = (x.float() @ codes.float().T) * scale.T
    return (product if bias is None else product + bias.float()).to(x.dtype)
