"""Kernels of `models.fast.kernels.heads`: a program takes the heads of one token, or one head's mean key."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from models.fast.kernels.parameters import MEAN_OF, NORM_EPS

BLOCK = 256  # keys that a mean takes at once


@triton.jit
def _scaled(values, gamma, eps, DEPTH: tl.constexpr):  # type: ignore[no-untyped-def]
    length = tl.sqrt(tl.sum(values * values, axis=1))[:, None]
    return values / tl.maximum(length, eps) * gamma


@triton.jit
def _heads_kernel(  # type: ignore[no-untyped-def]
    qkv, q_gamma, k_gamma, mean, lengths, length, eps, root,
    NUM_HEADS: tl.constexpr, DEPTH: tl.constexpr, HAS_GAMMA: tl.constexpr, HAS_FILLERS: tl.constexpr,
    HEADS: tl.constexpr, DEPTHS: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0)
    head, depth = tl.arange(0, HEADS)[:, None], tl.arange(0, DEPTHS)[None, :]
    inside = (head < NUM_HEADS) & (depth < DEPTH)
    channel = head * DEPTH + depth
    channels: tl.constexpr = NUM_HEADS * DEPTH
    start = row.to(tl.int64) * 3 * channels
    key = tl.load(qkv + start + channels + channel, mask=inside, other=0.0).to(tl.float32)
    if HAS_GAMMA:
        query = tl.load(qkv + start + channel, mask=inside, other=0.0).to(tl.float32)
        gamma = tl.load(q_gamma + channel, mask=inside, other=0.0).to(tl.float32) * root
        query = _scaled(query, gamma, eps, DEPTH)
        tl.store(qkv + start + channel, query.to(qkv.dtype.element_ty), mask=inside)
        gamma = tl.load(k_gamma + channel, mask=inside, other=0.0).to(tl.float32) * root
        key = _scaled(key, gamma, eps, DEPTH)
    if HAS_FILLERS:
        group = row // length
        filler = (row % length) >= tl.load(lengths + group)
        of_group = tl.load(mean + group * channels + channel, mask=inside & filler, other=0.0).to(tl.float32)
        key = tl.where(filler, of_group, key)
        nothing = tl.zeros_like(key).to(qkv.dtype.element_ty)
        tl.store(qkv + start + 2 * channels + channel, nothing, mask=inside & filler)
    tl.store(qkv + start + channels + channel, key.to(qkv.dtype.element_ty), mask=inside)


@triton.jit
def _mean_kernel(  # type: ignore[no-untyped-def]
    qkv, k_gamma, mean, lengths, length, eps, root,
    NUM_HEADS: tl.constexpr, DEPTH: tl.constexpr, HAS_GAMMA: tl.constexpr,
    MOST: tl.constexpr, BLOCK: tl.constexpr, DEPTHS: tl.constexpr,
):  # fmt: skip
    group, head = tl.program_id(0), tl.program_id(1)
    depth = tl.arange(0, DEPTHS)[None, :]
    channel = head * DEPTH + depth
    channels: tl.constexpr = NUM_HEADS * DEPTH
    count = tl.minimum(tl.load(lengths + group).to(tl.int32), MOST)
    if HAS_GAMMA:
        gamma = tl.load(k_gamma + channel, mask=depth < DEPTH, other=0.0).to(tl.float32) * root
    total = tl.zeros((BLOCK, DEPTHS), tl.float32)
    for first in range(0, MOST, BLOCK):
        token = first + tl.arange(0, BLOCK)[:, None]
        inside = (token < count) & (depth < DEPTH)
        row = (group * length + token).to(tl.int64)
        key = tl.load(qkv + row * 3 * channels + channels + channel, mask=inside, other=0.0).to(tl.float32)
        if HAS_GAMMA:
            key = _scaled(key, gamma, eps, DEPTH)
        total += key
    out = tl.sum(total, axis=0)[None, :] / count
    tl.store(mean + group * channels + channel, out.to(mean.dtype.element_ty), mask=depth < DEPTH)


@triton.jit
def _remove_kernel(  # type: ignore[no-untyped-def]
    out, q, log_sum, mean, lengths, length, q_stride, root,
    NUM_HEADS: tl.constexpr, DEPTH: tl.constexpr, HEADS: tl.constexpr, DEPTHS: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0)
    group, token = row // length, row % length
    heads, depth = tl.arange(0, HEADS), tl.arange(0, DEPTHS)[None, :]
    head = heads[:, None]
    inside = (head < NUM_HEADS) & (depth < DEPTH)
    channel = head * DEPTH + depth
    channels: tl.constexpr = NUM_HEADS * DEPTH
    query = tl.load(q + row.to(tl.int64) * q_stride + channel, mask=inside, other=0.0).to(tl.float32)
    key = tl.load(mean + group * channels + channel, mask=inside, other=0.0).to(tl.float32)
    score = tl.sum(query * key, axis=1) / root
    at = (group * NUM_HEADS + heads).to(tl.int64) * length + token
    sums = tl.load(log_sum + at, mask=heads < NUM_HEADS, other=0.0)
    fillers = (length - tl.load(lengths + group)).to(tl.float32)
    kept = 1.0 - fillers * tl.exp(score - sums)
    place = out + row.to(tl.int64) * channels + channel
    value = tl.load(place, mask=inside, other=0.0).to(tl.float32) / kept[:, None]
    tl.store(place, value.to(out.dtype.element_ty), mask=inside)


def norm_heads(
    qkv: Tensor,
    q_gamma: Tensor | None,
    k_gamma: Tensor | None,
    num_heads: int,
    mean: Tensor | None,
    lengths: Tensor | None,
) -> Tensor:
    """In place, see `heads.normed_heads` and `heads.fill_up`."""
    qkv = qkv.contiguous()
    groups, length, width = qkv.shape
    depth = width // 3 // num_heads
    parts = (qkv if part is None else part for part in (q_gamma, k_gamma, mean, lengths))
    _heads_kernel[(groups * length,)](
        qkv, *parts, length, NORM_EPS, depth**0.5, NUM_HEADS=num_heads, DEPTH=depth,
        HAS_GAMMA=q_gamma is not None, HAS_FILLERS=mean is not None, **_tile(num_heads, depth),
    )  # fmt: skip
    return qkv


def mean_keys(qkv: Tensor, k_gamma: Tensor | None, num_heads: int, lengths: Tensor) -> Tensor:
    """[groups, heads, depth], of raw keys that the norm has not seen yet."""
    qkv = qkv.contiguous()
    groups, length, width = qkv.shape
    depth = width // 3 // num_heads
    mean = torch.empty(groups, num_heads, depth, dtype=qkv.dtype, device=qkv.device)
    _mean_kernel[(groups, num_heads)](
        qkv, qkv if k_gamma is None else k_gamma, mean, lengths, length, NORM_EPS, depth**0.5,
        NUM_HEADS=num_heads, DEPTH=depth, HAS_GAMMA=k_gamma is not None, MOST=MEAN_OF, BLOCK=BLOCK,
        DEPTHS=triton.next_power_of_2(depth), num_warps=8,
    )  # fmt: skip
    return mean


def remove_fillers(out: Tensor, q: Tensor, log_sum: Tensor, mean: Tensor, lengths: Tensor) -> Tensor:
    """In place, see `heads.without_fillers`."""
    out = out.contiguous()
    groups, length, num_heads, depth = out.shape
    if q.stride()[1:] != (q.stride(1), depth, 1) or q.stride(0) != length * q.stride(1):
        q = q.contiguous()
    _remove_kernel[(groups * length,)](
        out, q, log_sum.contiguous(), mean, lengths, length, q.stride(1), depth**0.5,
        NUM_HEADS=num_heads, DEPTH=depth, **_tile(num_heads, depth),
    )  # fmt: skip
    return out


def _tile(num_heads: int, depth: int) -> dict[str, int]:
    return {"HEADS": triton.next_power_of_2(num_heads), "DEPTHS": triton.next_power_of_2(depth)}
