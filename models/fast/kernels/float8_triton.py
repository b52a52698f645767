"""The kernels of `models.fast.kernels.float8`: a program takes a row, or the columns of a few outputs."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from models.fast.kernels.parameters import FLOAT8, FLOAT8_MAX, MAX_FEW_ROWS, MIN_MAGNITUDE

OUTPUTS, DEPTH = 32, 256  # of a program, and of one of its steps


@triton.jit
def _quantize_kernel(  # type: ignore[no-untyped-def]
    x, codes, scales, columns, least, LARGEST: tl.constexpr, COLUMNS: tl.constexpr
):
    row, column = tl.program_id(0), tl.arange(0, COLUMNS)
    at = row.to(tl.int64) * columns + column
    value = tl.load(x + at, mask=column < columns, other=0.0).to(tl.float32)
    scale = tl.maximum(tl.max(tl.abs(value), axis=0), least) / LARGEST
    tl.store(scales + row, scale)
    code = tl.minimum(tl.maximum(value / scale, -LARGEST), LARGEST)
    tl.store(codes + at, code.to(codes.dtype.element_ty), mask=column < columns)


def quantize(x: Tensor) -> tuple[Tensor, Tensor]:
    """See `float8.float8_rows`."""
    rows, columns = x.shape
    codes = torch.empty(rows, columns, dtype=FLOAT8, device=x.device)
    scales = torch.empty(rows, 1, dtype=torch.float32, device=x.device)
    _quantize_kernel[(rows,)](
        x.contiguous(), codes, scales, columns, MIN_MAGNITUDE, LARGEST=FLOAT8_MAX,
        COLUMNS=triton.next_power_of_2(columns), num_warps=8,
    )  # fmt: skip
    return codes, scales


@triton.jit
def _few_rows_kernel(  # type: ignore[no-untyped-def]
    x, codes, scales, bias, out, rows, outputs, inputs, HAS_BIAS: tl.constexpr,
    ROWS: tl.constexpr, OUTPUTS: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    row, step = tl.arange(0, ROWS)[:, None], tl.arange(0, DEPTH)[None, :]
    output = tl.program_id(0) * OUTPUTS + tl.arange(0, OUTPUTS)
    known = output < outputs
    total = tl.zeros((ROWS, OUTPUTS), tl.float32)
    for start in range(0, inputs, DEPTH):
        column = start + step
        inside = column < inputs
        value = tl.load(x + row * inputs + column, mask=(row < rows) & inside, other=0.0)
        at = output[:, None].to(tl.int64) * inputs + column
        weight = tl.load(codes + at, mask=known[:, None] & inside, other=0.0)
        total = tl.dot(value, tl.trans(weight.to(value.dtype)), total, input_precision="ieee")
    total *= tl.load(scales + output, mask=known, other=0.0)[None, :]
    if HAS_BIAS:
        total += tl.load(bias + output, mask=known, other=0.0).to(tl.float32)[None, :]
    at = row * outputs + output[None, :]
    tl.store(out + at, total.to(out.dtype.element_ty), mask=(row < rows) & known[None, :])


def multiply_few(x: Tensor, codes: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor:
    """See `float8.few_rows_product`."""
    (rows, inputs), outputs = x.shape, len(codes)
    out = x.new_empty(rows, outputs)
    _few_rows_kernel[(triton.cdiv(outputs, OUTPUTS),)](
        x.contiguous(), codes, scale, bias, out, rows, outputs, inputs, HAS_BIAS=bias is not None,
        ROWS=MAX_FEW_ROWS, OUTPUTS=OUTPUTS, DEPTH=DEPTH, num_warps=4, num_stages=3,
    )  # fmt: skip
    return out
