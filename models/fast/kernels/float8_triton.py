"""The kernel of `models.fast.kernels.float8`: a program takes a row."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from models.fast.kernels.float8 import FLOAT8, FLOAT8_MAX, MIN_MAGNITUDE


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
