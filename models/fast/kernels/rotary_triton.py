"""The kernel of `models.fast.kernels.rotary`: a program takes some heads of one token."""

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

from models.fast.kernels.parameters import Projected

HEADS = 8  # of a program


@triton.jit
def _turn(x, out, weight, cos, sin, channel, inside, eps, DEPTH: tl.constexpr, HEADS: tl.constexpr):  # type: ignore[no-untyped-def]
    """Normalises and rotates heads [HEADS, depth] at `x` into `out`."""
    value = tl.load(x, mask=inside, other=0.0).to(tl.float32)
    scale = tl.rsqrt(tl.sum(value * value, axis=1) / DEPTH + eps)[:, None]
    value *= scale * tl.load(weight + channel, mask=channel < DEPTH, other=0.0).to(tl.float32)
    even, odd = tl.split(value.reshape(HEADS, value.shape[1] // 2, 2))
    crossed = tl.join(-odd, even).reshape(HEADS, value.shape[1])
    tl.store(out, (value * cos + crossed * sin).to(out.dtype.element_ty), mask=inside)


@triton.jit
def _rotate_kernel(  # type: ignore[no-untyped-def]
    q, k, v, q_weight, k_weight, cos, sin, q_out, k_out, v_out, length, all_tokens, first, eps,
    NUM_HEADS: tl.constexpr, DEPTH: tl.constexpr, COPY_VALUES: tl.constexpr,
    HEADS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0)
    token = first + row % length
    place = (row // length) * all_tokens + token
    head = tl.program_id(1) * HEADS + tl.arange(0, HEADS)[:, None]
    channel = tl.arange(0, CHANNELS)[None, :]
    inside = (head < NUM_HEADS) & (channel < DEPTH)
    offset = head * DEPTH + channel
    width: tl.constexpr = NUM_HEADS * DEPTH
    at, to = row.to(tl.int64) * width + offset, place.to(tl.int64) * width + offset
    c = tl.load(cos + token * DEPTH + channel, mask=channel < DEPTH, other=0.0).to(tl.float32)
    s = tl.load(sin + token * DEPTH + channel, mask=channel < DEPTH, other=0.0).to(tl.float32)
    _turn(q + at, q_out + to, q_weight, c, s, channel, inside, eps, DEPTH, HEADS)
    _turn(k + at, k_out + to, k_weight, c, s, channel, inside, eps, DEPTH, HEADS)
    if COPY_VALUES:
        tl.store(v_out + to, tl.load(v + at, mask=inside), mask=inside)


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
        _rotate_kernel[(images * length, triton.cdiv(heads, HEADS))](
            part.q.contiguous(), part.k.contiguous(), part.v.contiguous(), part.q_weight, part.k_weight,
            cos.contiguous(), sin.contiguous(), q, k, v, length, all_tokens, first, eps,
            NUM_HEADS=heads, DEPTH=depth, COPY_VALUES=not alone,
            HEADS=HEADS, CHANNELS=triton.next_power_of_2(depth),
        )  # fmt: skip
        first += length
    return q, k, v
