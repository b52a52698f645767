"""The kernel of `models.fast.kernels.rows`: a program takes a few whole rows."""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from models.fast.kernels.parameters import Norm

TILE = 1024  # elements of a program, at least


@triton.jit
def _rows_kernel(  # type: ignore[no-untyped-def]
    x, y, gate, constant, scale, shift, total, normed,
    num_rows, rows_of_y, rows_each, gate_stride, norm_stride, eps,
    CHANNELS: tl.constexpr, HAS_Y: tl.constexpr, HAS_GATE: tl.constexpr, HAS_CONSTANT: tl.constexpr,
    HAS_NORM: tl.constexpr, HAS_SCALE: tl.constexpr, PLUS_ONE: tl.constexpr, SILU: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]
    columns = tl.arange(0, COLUMNS)[None, :]
    inside = (rows < num_rows) & (columns < CHANNELS)
    at = rows.to(tl.int64) * CHANNELS + columns
    group = rows // rows_each
    value = tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
    if HAS_Y:
        added = tl.load(y + at, mask=inside & (rows < rows_of_y), other=0.0).to(tl.float32)
        if HAS_GATE:
            added *= tl.load(gate + group * gate_stride + columns, mask=inside, other=0.0).to(tl.float32)
        if HAS_CONSTANT:
            added += tl.load(constant + columns, mask=inside & (rows >= rows_of_y), other=0.0).to(tl.float32)
        stored = (value + added).to(total.dtype.element_ty)
        tl.store(total + at, stored, mask=inside)
        value = stored.to(tl.float32)
    if HAS_NORM:
        mean = tl.sum(value, axis=1)[:, None] / CHANNELS
        centred = tl.where(inside, value - mean, 0.0)
        variance = tl.sum(centred * centred, axis=1)[:, None] / CHANNELS
        out = centred * tl.rsqrt(variance + eps)
        if HAS_SCALE:
            factor = tl.load(scale + group * norm_stride + columns, mask=inside, other=0.0).to(tl.float32)
            if PLUS_ONE:
                factor += 1.0
            out = out * factor
            out += tl.load(shift + group * norm_stride + columns, mask=inside, other=0.0).to(tl.float32)
        if SILU:
            out = out * tl.sigmoid(out)
        tl.store(normed + at, out.to(normed.dtype.element_ty), mask=inside)


def launch(
    x: Tensor, y: Tensor | None, gate: Tensor | None, constant: Tensor | None, norm: Norm | None
) -> tuple[Tensor, Tensor]:
    """See `rows.normed_sum`."""
    x = x.contiguous()
    channels = x.shape[-1]
    num_rows = x.numel() // channels
    total = torch.empty_like(x) if y is not None else x
    normed = torch.empty_like(x) if norm is not None else total
    columns = triton.next_power_of_2(channels)
    rows = max(1, TILE // columns)
    norm = norm or Norm()
    scale, shift = norm.scale, norm.shift
    vectors = [vector for vector in (gate, scale) if vector is not None]
    rows_each = num_rows // max((len(vector) for vector in vectors), default=1)
    _rows_kernel[(triton.cdiv(num_rows, rows),)](
        x, *(x if part is None else part for part in (_whole(y), gate, constant, scale, shift)),
        total, normed,
        num_rows, num_rows if y is None else y.numel() // channels, rows_each, _stride(gate), _stride(scale),
        norm.eps, CHANNELS=channels, HAS_Y=y is not None, HAS_GATE=gate is not None,
        HAS_CONSTANT=constant is not None, HAS_NORM=normed is not total, HAS_SCALE=scale is not None,
        PLUS_ONE=norm.plus_one, SILU=norm.silu, ROWS=rows, COLUMNS=columns,
        num_warps=4 if columns <= TILE else 8,
    )  # fmt: skip
    return total, normed


def _whole(y: Tensor | None) -> Tensor | None:
    return None if y is None else y.contiguous()


def _stride(vectors: Any) -> int:
    """From one group's vector to the next; 0 where all share one."""
    return 0 if vectors is None or len(vectors) == 1 else int(vectors.stride(0))
