"""The kernels of `models.fast.kernels.neighbours`: a program takes a few voxels and all their channels."""

import torch
import triton
import triton.language as tl
from torch import Tensor

TILE = 2048  # elements of a program, at least


@triton.jit
def _gather_kernel(  # type: ignore[no-untyped-def]
    feats, neighbours, out, num_places, num_rows, taps, stride,
    CHANNELS: tl.constexpr, PLACES: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    place = tl.program_id(0) * PLACES + tl.arange(0, PLACES)
    column = tl.arange(0, COLUMNS)[None, :]
    row = tl.load(neighbours + (place // taps) * stride + place % taps, mask=place < num_places, other=0)
    row = row[:, None].to(tl.int64)
    place = place[:, None].to(tl.int64)
    inside = (place < num_places) & (column < CHANNELS)
    value = tl.load(feats + row * CHANNELS + column, mask=inside & (row < num_rows), other=0.0)
    tl.store(out + place * CHANNELS + column, value, mask=inside)


@triton.jit
def _sum_kernel(  # type: ignore[no-untyped-def]
    products, neighbours, bias, out, num_voxels, num_rows,
    TAPS: tl.constexpr, CHANNELS: tl.constexpr, VOXELS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    voxel = tl.program_id(0) * VOXELS + tl.arange(0, VOXELS)
    column = tl.arange(0, COLUMNS)[None, :]
    known, wide = voxel < num_voxels, column < CHANNELS
    total = tl.zeros((VOXELS, COLUMNS), tl.float32)
    total += tl.load(bias + column, mask=wide, other=0.0).to(tl.float32)
    for tap in range(TAPS):
        row = tl.load(neighbours + voxel * TAPS + tap, mask=known, other=num_rows)[:, None].to(tl.int64)
        at = (row * TAPS + tap) * CHANNELS + column
        total += tl.load(products + at, mask=(row < num_rows) & wide, other=0.0).to(tl.float32)
    at = voxel[:, None].to(tl.int64) * CHANNELS + column
    tl.store(out + at, total.to(out.dtype.element_ty), mask=known[:, None] & wide)


def gather(feats: Tensor, neighbours: Tensor) -> Tensor:
    """See `neighbours.gathered_columns`; the table may be some columns of a larger one."""
    feats, channels, taps = feats.contiguous(), feats.shape[1], neighbours.shape[1]
    out = feats.new_empty(len(neighbours), taps * channels)
    columns = triton.next_power_of_2(channels)
    places = max(1, TILE // columns)
    _gather_kernel[(triton.cdiv(neighbours.numel(), places),)](
        feats, neighbours, out, neighbours.numel(), len(feats), taps, neighbours.stride(0),
        CHANNELS=channels, PLACES=places, COLUMNS=columns,
    )  # fmt: skip
    return out


def sum_taps(products: Tensor, neighbours: Tensor, bias: Tensor) -> Tensor:
    """See `neighbours.tap_sum`."""
    channels, taps = len(bias), neighbours.shape[1]
    out = torch.empty(len(neighbours), channels, dtype=products.dtype, device=products.device)
    columns = triton.next_power_of_2(channels)
    voxels = max(1, TILE // 2 // columns)
    _sum_kernel[(triton.cdiv(len(neighbours), voxels),)](
        products.contiguous(), neighbours.contiguous(), bias, out, len(neighbours), len(products),
        TAPS=taps, CHANNELS=channels, VOXELS=voxels, COLUMNS=columns,
    )  # fmt: skip
    return out
