"""The kernel of `models.kernels.rotary`: a program takes all heads of one token."""

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

from models.kernels.rotary import Projected


@triton.jit
def _turn(x, out, weight, cos, sin, pair, inside, eps, DEPTH: tl.constexpr):  # type: ignore[no-untyped-def]
    """Normalises and rotates pairs [heads, depth / 2] at `x` into `out`."""
    even = tl.load(x, mask=inside, other=0.0).to(tl.float32)
    odd = tl.load(x + 1, mask=inside, other=0.0).to(tl.float32)
    scale = tl.rsqrt((tl.sum(even * even, axis=1) + tl.sum(odd * odd, axis=1)) / DEPTH + eps)[:, None]
    even *= scale * tl.load(weight + 2 * pair, mask=2 * pair < DEPTH, other=0.0).to(tl.float32)
    odd *= scale * tl.load(weight + 2 * pair + 1, mask=2 * pair < DEPTH, other=0.0).to(tl.float32)
    tl.store(out, (even * cos - odd * sin).to(out.dtype.element_ty), mask=inside)
    tl.store(out + 1, (odd * cos + even * sin).to(out.dtype.element_ty), mask=inside)


@triton.jit
def _rotate_kernel(  # type: ignore[no-untyped-def]
    q, k, v, q_weight, k_weight, cos, sin, q_out, k_out, v_out, length, all_tokens, first, eps,
    NUM_HEADS: tl.constexpr, DEPTH: tl.constexpr, COPY_VALUES: tl.constexpr,
    HEADS: tl.constexpr, PAIRS: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0)
    token = first + row % length
    place = (row // length) * all_tokens + token
    head, pair = tl.arange(0, HEADS)[:, None], tl.arange(0, PAIRS)[None, :]
    inside = (head < NUM_HEADS) & (2 * pair < DEPTH)
    channel = head * DEPTH + 2 * pair
    width: tl.constexpr = NUM_HEADS * DEPTH
    at, to = row.to(tl.int64) * width + channel, place.to(tl.int64) * width + channel
    c = tl.load(cos + token * DEPTH + 2 * pair, mask=2 * pair < DEPTH, other=0.0).to(tl.float32)
    s = tl.load(sin + token * DEPTH + 2 * pair, mask=2 * pair < DEPTH, other=0.0).to(tl.float32)
    _turn(q + at, q_out + to, q_weight, c, s, pair, inside, eps, DEPTH)
    _turn(k + at, k_out + to, k_weight, c, s, pair, inside, eps, DEPTH)
    if COPY_VALUES:
        tl.store(v_out + to, tl.load(v + at, mask=inside), mask=inside)
        tl.store(v_out + to + 1, tl.load(v + at + 1, mask=inside), mask=inside)


def rotate(parts: Sequence[Projected], cos: Tensor, sin: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """See `rotary.rotated`."""
    (all_tokens, depth), (images, _, width) = cos.shape, parts[0].q.shape
    heads = width // depth
    q, k = (parts[0].q.new_empty(images, all_tokens, heads, depth) for _ in range(2))
    alone = len(parts) == 1
    v = parts[0].v.unflatten(2, (heads, depth)) if alone else torch.empty_like(q)
    first = 0
    for part in parts:
        length = part.q.shape[1]
        _rotate_kernel[(images * length,)](
            part.q.contiguous(), part.k.contiguous(), part.v.contiguous(), part.q_weight, part.k_weight,
            cos.contiguous(), sin.contiguous(), q, k, v, length, all_tokens, first, eps,
            NUM_HEADS=heads, DEPTH=depth, COPY_VALUES=not alone,
            HEADS=triton.next_power_of_2(heads), PAIRS=triton.next_power_of_2(depth // 2),
        )  # fmt: skip
        first += length
    return q, k, v
