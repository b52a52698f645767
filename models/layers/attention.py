"""Multi-head attention inside groups of rows, and from rows to a condition.

Tokens are flat, [tokens, channels]; `Segments` say which rows attend to each other: objects (full attention
of a batch of different sizes) or windows. The kernel is `scaled_dot_product_attention` on dense buckets of
groups.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from models.layers.norms import RmsNorm
from models.layers.varlen import varlen_attn
from models.linear import Linear
from models.sparse.segments import Segments


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """A condition, projected to one block's keys and values; depends on neither the time nor the tokens.

    Attributes:
        keys: Projected keys of each conditioned object.
        values: Projected values.
        unconditional: Computes the cross-attention output of an all-zero condition, when it is first needed.
    """

    keys: Float[Tensor, "objects condition heads depth"]
    values: Float[Tensor, "objects condition heads depth"]
    unconditional: Callable[[], Float[Tensor, "1 channels"]]

    def of(self, objects: Segments) -> "Context":
        """For these rows."""
        return Context(keys=self.keys, values=self.values, unconditional=self.unconditional, objects=objects)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(Projection):
    """A projected condition, and the rows that it is for.

    Rows past those of `objects` belong to the unconditional branch. Its condition is all zeros, so all its
    keys and values are equal and the attention's outcome is the constant W_out b_v + b_out: nothing is
    computed for it.

    Attributes:
        objects: The conditioned token rows by object.
    """

    objects: Segments


def attend(
    queries: Float[Tensor, "tokens heads depth"],
    keys: Float[Tensor, "tokens heads depth"],
    values: Float[Tensor, "tokens heads depth"],
    segments: Segments,
) -> Float[Tensor, "tokens heads depth"]:
    """Attention of every row over the rows of its own group."""
    if segments.uniform_length is not None:
        q, k, v = (_grouped(x, segments) for x in (queries, keys, values))
        return _attention(q, k, v).flatten(0, 1)
    if suits_varlen(values):
        return _varlen(queries, keys, values, segments)
    outputs = []
    for bucket in segments.buckets:
        q, k, v = (_gather(x, bucket.rows) for x in (queries, keys, values))
        mask = None if bucket.valid is None else bucket.valid[:, None, None, :]
        outputs.append(_attention(q, k, v, mask).flatten(0, 1))
    return _unbucketed(outputs, segments)


def attend_to_context(
    queries: Float[Tensor, "tokens heads depth"], context: Context
) -> Float[Tensor, "tokens heads depth"]:
    """Attention of every row over the condition of its object."""
    segments = context.objects
    if segments.uniform_length is not None:
        return _attention(_grouped(queries, segments), context.keys, context.values).flatten(0, 1)
    if suits_varlen(context.values):
        return _varlen_to_context(queries, context)
    outputs = []
    for bucket in segments.buckets:
        k, v = context.keys[bucket.groups], context.values[bucket.groups]
        outputs.append(_attention(_gather(queries, bucket.rows), k, v).flatten(0, 1))
    return _unbucketed(outputs, segments)


def suits_varlen(values: Tensor) -> bool:
    """Whether the variable-length flash kernel takes such values: half precision on a CUDA device."""
    return values.is_cuda and values.dtype in (torch.float16, torch.bfloat16)


def _varlen(queries: Tensor, keys: Tensor, values: Tensor, segments: Segments) -> Tensor:
    """All groups in one kernel, without padding; equal to the buckets' result up to rounding."""
    q, k, v = (x.to(values.dtype) for x in (queries, keys, values))
    if segments.order is not None:
        q, k, v = (x.index_select(0, segments.order) for x in (q, k, v))
    longest = max(segments.counts)
    out = varlen_attn(q, k, v, segments.offsets, segments.offsets, longest, longest)
    assert isinstance(out, Tensor)
    return out if segments.inverse is None else out.index_select(0, segments.inverse)


def _varlen_to_context(queries: Tensor, context: Context) -> Tensor:
    segments, values = context.objects, context.values
    length = values.shape[1]
    k, v = (x.to(values.dtype).flatten(0, 1) for x in (context.keys, values))
    ends = torch.arange(0, len(v) + 1, length, dtype=torch.int32, device=v.device)
    q = queries.to(values.dtype)
    q = q if segments.order is None else q.index_select(0, segments.order)
    out = varlen_attn(q, k, v, segments.offsets, ends, max(segments.counts), length)
    assert isinstance(out, Tensor)
    return out if segments.inverse is None else out.index_select(0, segments.inverse)


def _grouped(x: Tensor, segments: Segments) -> Tensor:
    return x.view(segments.num_groups, -1, *x.shape[1:])


def _gather(x: Tensor, rows: Tensor) -> Tensor:
    return x.index_select(0, rows.flatten()).view(*rows.shape, *x.shape[1:])


def _unbucketed(outputs: list[Tensor], segments: Segments) -> Tensor:
    return torch.cat(outputs).index_select(0, segments.unbucket)


def _attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """[groups, length, heads, depth] in and out."""
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2)


class SelfAttention(nn.Module):
    """Attention inside groups; heads are contiguous slices, `to_qkv` gives [q | k | v]."""

    def __init__(self, channels: int, num_heads: int, *, qk_rms_norm: bool) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.to_qkv = Linear(channels, 3 * channels)
        self.q_rms_norm = RmsNorm(num_heads, channels // num_heads) if qk_rms_norm else None
        self.k_rms_norm = RmsNorm(num_heads, channels // num_heads) if qk_rms_norm else None
        self.to_out = Linear(channels, channels)

    def forward(
        self, x: Float[Tensor, "tokens channels"], segments: Segments
    ) -> Float[Tensor, "tokens channels"]:
        q, k, v = self.to_qkv(x).unflatten(1, (3, self.num_heads, -1)).unbind(dim=1)
        if self.q_rms_norm is not None and self.k_rms_norm is not None:
            q, k = self.q_rms_norm(q), self.k_rms_norm(k)
        out: Tensor = self.to_out(attend(q, k, v, segments).flatten(1))
        return out


class CrossAttention(nn.Module):
    """Attention from tokens to the condition of their object; `to_kv` gives [k | v]."""

    def __init__(self, channels: int, cond_channels: int, num_heads: int, *, qk_rms_norm: bool) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.to_q = Linear(channels, channels)
        self.to_kv = Linear(cond_channels, 2 * channels)
        self.q_rms_norm = RmsNorm(num_heads, channels // num_heads) if qk_rms_norm else None
        self.k_rms_norm = RmsNorm(num_heads, channels // num_heads) if qk_rms_norm else None
        self.to_out = Linear(channels, channels)

    def project(self, cond: Float[Tensor, "objects condition cond_channels"]) -> Projection:
        """Keys and values of a condition."""
        keys, values = self.to_kv(cond).unflatten(2, (2, self.num_heads, -1)).unbind(dim=2)
        if self.k_rms_norm is not None:
            keys = self.k_rms_norm(keys)
        return Projection(keys=keys, values=values, unconditional=cache(self.unconditional))

    def forward(
        self, x: Float[Tensor, "tokens channels"], context: Context
    ) -> Float[Tensor, "tokens channels"]:
        num_conditioned = context.objects.num_tokens
        q = self.to_q(x[:num_conditioned]).unflatten(1, (self.num_heads, -1))
        if self.q_rms_norm is not None:
            q = self.q_rms_norm(q)
        out: Tensor = self.to_out(attend_to_context(q, context).flatten(1))
        if num_conditioned == len(x):
            return out
        constant = context.unconditional().to(out.dtype)
        return torch.cat([out, constant.expand(len(x) - num_conditioned, -1)])

    def unconditional(self) -> Float[Tensor, "1 channels"]:
        """What every token receives from a condition of zeros."""
        value_bias = self.to_kv.bias.chunk(2)[1]
        constant: Tensor = self.to_out(value_bias[None])
        return constant
