"""The kernels of `models.fast.kernels.groups`.

moments   mean and squared distances from it, of each channel in each piece of an image
joined    mean and scale of each group, from those of its channels in all pieces (Chan et al. 1979)
applied   a tile of pixels, normalised
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from models.fast.kernels.parameters import GroupNorm

TILE = 8192  # elements that a program holds
TILES = 8  # of a piece
PIECES = 256  # joined at a time
WARPS = 8


@triton.jit
def _moments_kernel(  # type: ignore[no-untyped-def]
    x, bias, means, spreads, num_pixels,
    CHANNELS: tl.constexpr, HAS_BIAS: tl.constexpr, COLUMNS: tl.constexpr, ROWS: tl.constexpr,
    TILES: tl.constexpr,
):  # fmt: skip
    image, piece = tl.program_id(0), tl.program_id(1)
    column = tl.arange(0, COLUMNS)[None, :]
    first = image.to(tl.int64) * num_pixels * CHANNELS
    mean, spread = tl.zeros([1, COLUMNS], tl.float32), tl.zeros([1, COLUMNS], tl.float32)
    count = 0.0
    for tile in range(TILES):
        begin = (piece * TILES + tile) * ROWS
        row = begin + tl.arange(0, ROWS)[:, None]
        inside = (row < num_pixels) & (column < CHANNELS)
        value = tl.load(x + first + row * CHANNELS + column, mask=inside, other=0.0).to(tl.float32)
        if HAS_BIAS:
            value += tl.load(bias + column, mask=column < CHANNELS, other=0.0).to(tl.float32)
        rows = tl.minimum(tl.maximum(num_pixels - begin, 0), ROWS).to(tl.float32)
        of_tile = tl.sum(tl.where(inside, value, 0.0), axis=0)[None, :] / tl.maximum(rows, 1.0)
        distance = tl.where(inside, value - of_tile, 0.0)
        share = rows / tl.maximum(count + rows, 1.0)
        delta = of_tile - mean
        spread += tl.sum(distance * distance, axis=0)[None, :] + delta * delta * count * share
        mean += delta * share
        count += rows
    at = (image * tl.num_programs(1) + piece) * CHANNELS + column
    tl.store(means + at, mean, mask=column < CHANNELS)
    tl.store(spreads + at, spread, mask=column < CHANNELS)


@triton.jit
def _joined_kernel(  # type: ignore[no-untyped-def]
    means, spreads, group_means, group_scales, num_pixels, num_pieces, piece_pixels, eps,
    CHANNELS: tl.constexpr, WIDTH: tl.constexpr, COLUMNS: tl.constexpr, PIECES: tl.constexpr,
    TIMES: tl.constexpr,
):  # fmt: skip
    image, group = tl.program_id(0), tl.program_id(1)
    column = tl.arange(0, COLUMNS)[None, :]
    mean, spread, count = 0.0, 0.0, 0.0
    for time in range(TIMES):  # not up to a number known later: an older interpreter cannot read that
        piece = time * PIECES + tl.arange(0, PIECES)[:, None]
        inside = (piece < num_pieces) & (column < WIDTH)
        at = (image * num_pieces + piece) * CHANNELS + group * WIDTH + column
        some = tl.load(means + at, mask=inside, other=0.0)
        pixels = tl.minimum(tl.maximum(num_pixels - piece * piece_pixels, 0), piece_pixels)
        weight = tl.where(inside, pixels.to(tl.float32), 0.0)
        added = tl.sum(weight)
        of_block = tl.sum(weight * some) / added
        distance = some - of_block
        inner = tl.sum(tl.load(spreads + at, mask=inside, other=0.0) + weight * distance * distance)
        share = added / (count + added)
        delta = of_block - mean
        spread += inner + delta * delta * count * share
        mean += delta * share
        count += added
    at = image * tl.num_programs(1) + group
    tl.store(group_means + at, mean)
    tl.store(group_scales + at, tl.rsqrt(spread / count + eps))


@triton.jit
def _applied_kernel(  # type: ignore[no-untyped-def]
    x, bias, means, scales, weight, shift, out, num_pixels,
    CHANNELS: tl.constexpr, WIDTH: tl.constexpr, HAS_BIAS: tl.constexpr, SILU: tl.constexpr,
    COLUMNS: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    image = tl.program_id(0)
    column = tl.arange(0, COLUMNS)[None, :]
    row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)[:, None]
    known, inside = column < CHANNELS, (row < num_pixels) & (column < CHANNELS)
    at = image.to(tl.int64) * num_pixels * CHANNELS + row * CHANNELS + column
    value = tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
    if HAS_BIAS:
        value += tl.load(bias + column, mask=known, other=0.0).to(tl.float32)
    group = image * (CHANNELS // WIDTH) + column // WIDTH
    factor = tl.load(scales + group, mask=known, other=0.0)
    factor *= tl.load(weight + column, mask=known, other=0.0).to(tl.float32)
    value = (value - tl.load(means + group, mask=known, other=0.0)) * factor
    value += tl.load(shift + column, mask=known, other=0.0).to(tl.float32)
    if SILU:
        value = value * tl.sigmoid(value)
    tl.store(out + at, value.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _add_kernel(  # type: ignore[no-untyped-def]
    x, y, bias, out, num_rows, CHANNELS: tl.constexpr, COLUMNS: tl.constexpr, ROWS: tl.constexpr
):
    column = tl.arange(0, COLUMNS)[None, :]
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]
    inside = (row < num_rows) & (column < CHANNELS)
    at = row.to(tl.int64) * CHANNELS + column
    value = tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
    value += tl.load(y + at, mask=inside, other=0.0).to(tl.float32)
    value += tl.load(bias + column, mask=column < CHANNELS, other=0.0).to(tl.float32)
    tl.store(out + at, value.to(out.dtype.element_ty), mask=inside)


def normalize(x: Tensor, norm: GroupNorm, bias: Tensor | None) -> Tensor:
    """See `groups.group_normed`."""
    images, channels, height, width = x.shape
    pixels, each = height * width, channels // norm.num_groups
    columns, rows = _tile(channels)
    tiles = triton.cdiv(pixels, rows)
    pieces = triton.cdiv(tiles, TILES)
    means, spreads = (x.new_empty(images, pieces, channels, dtype=torch.float32) for _ in range(2))
    group_means, group_scales = (x.new_empty(images, norm.num_groups, dtype=torch.float32) for _ in range(2))
    given = bias if bias is not None else x
    _moments_kernel[(images, pieces)](
        x, given, means, spreads, pixels, CHANNELS=channels, HAS_BIAS=bias is not None,
        COLUMNS=columns, ROWS=rows, TILES=TILES, num_warps=WARPS,
    )  # fmt: skip
    _joined_kernel[(images, norm.num_groups)](
        means, spreads, group_means, group_scales, pixels, pieces, TILES * rows, norm.eps,
        CHANNELS=channels, WIDTH=each, COLUMNS=triton.next_power_of_2(each), PIECES=PIECES,
        TIMES=triton.cdiv(pieces, PIECES),
    )  # fmt: skip
    out = torch.empty_like(x)
    _applied_kernel[(images, tiles)](
        x, given, group_means, group_scales, norm.weight, norm.bias, out, pixels,
        CHANNELS=channels, WIDTH=each, HAS_BIAS=bias is not None, SILU=norm.silu,
        COLUMNS=columns, ROWS=rows, num_warps=WARPS,
    )  # fmt: skip
    return out


def add(x: Tensor, y: Tensor, bias: Tensor) -> Tensor:
    """See `groups.biased_sum`."""
    channels = x.shape[1]
    columns, rows = _tile(channels)
    out, num_rows = torch.empty_like(x), x.numel() // channels
    _add_kernel[(triton.cdiv(num_rows, rows),)](
        x, y, bias, out, num_rows, CHANNELS=channels, COLUMNS=columns, ROWS=rows, num_warps=WARPS
    )
    return out


def _tile(channels: int) -> tuple[int, int]:
    """Columns and rows of a program's tile."""
    columns = triton.next_power_of_2(channels)
    return columns, max(1, TILE // columns)
