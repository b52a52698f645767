"""Groups of rows that attend to each other, laid out for dense attention.

A flat token matrix [tokens, channels] holds several groups: the objects of a batch, or the windows of an
object. Dense attention wants [groups, length, ...]. Groups of similar length share a *bucket*: a matrix of
row numbers, short groups padded (the padded keys are masked). A batch of equally long, contiguous groups
needs no gathering at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

# A group joins a bucket while it fills at least this share of the bucket's longest group.
MIN_FILL = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Groups of similar length.

    Attributes:
        groups: Which groups these are.
        rows: Token rows of each group, padded with row 0.
        valid: False where `rows` is padding; None where nothing is padded.
    """

    groups: Int[Tensor, " groups"]
    rows: Int[Tensor, "groups length"]
    valid: Bool[Tensor, "groups length"] | None


@dataclass(frozen=True, kw_only=True)
class Segments:
    """A partition of token rows into groups.

    Attributes:
        num_tokens: Rows in all.
        group_of_row: Group number of each row.
        counts: Length of each group, none of them 0.
        order: Rows sorted by group; None where they are contiguous already.
        uniform_length: Length of every group if all are contiguous and equally long, else None.
    """

    num_tokens: int
    group_of_row: Int[Tensor, " tokens"]
    counts: Sequence[int]
    order: Int[Tensor, " tokens"] | None
    uniform_length: int | None

    @property
    def num_groups(self) -> int:
        """Number of groups."""
        return len(self.counts)

    @cached_property
    def offsets(self) -> Int[Tensor, " groups_and_end"]:
        """Where each group starts in the sorted rows, and their end; 32-bit for variable-length kernels."""
        ends = torch.tensor((0, *self.counts), device=self.group_of_row.device).cumsum(0)
        return ends.int()

    @cached_property
    def inverse(self) -> Int[Tensor, " tokens"] | None:
        """Where each row stands among the sorted rows; None where they are sorted already."""
        return None if self.order is None else torch.argsort(self.order)

    @cached_property
    def buckets(self) -> tuple[Bucket, ...]:
        """The groups by similar length, for dense attention."""
        rows = (
            torch.arange(self.num_tokens, device=self.group_of_row.device)
            if self.order is None
            else self.order
        )
        lengths = torch.tensor(self.counts, device=rows.device)
        starts = lengths.cumsum(0) - lengths
        return tuple(_bucket(groups, rows, starts, lengths) for groups in _by_length(self.counts))

    @cached_property
    def unbucket(self) -> Int[Tensor, " tokens"]:
        """Where each row stands in the buckets' concatenated, flattened rows."""
        return _unbucket(self.buckets, self.num_tokens)


def uniform_segments(num_groups: int, length: int, device: torch.device) -> Segments:
    """Contiguous groups of one length, such as the tokens of a dense batch."""
    group_of_row = torch.arange(num_groups, device=device).repeat_interleave(length)
    return contiguous_segments(group_of_row, (length,) * num_groups)


def contiguous_segments(group_of_row: Int[Tensor, " tokens"], counts: Sequence[int]) -> Segments:
    """Groups whose rows stand together, in the order of their numbers; nothing is read from the device."""
    return Segments(
        num_tokens=len(group_of_row),
        group_of_row=group_of_row,
        counts=tuple(counts),
        order=None,
        uniform_length=counts[0] if len(set(counts)) == 1 else None,
    )


def segments_of(keys: Int[Tensor, " tokens"]) -> Segments:
    """Groups rows with equal keys; groups are numbered in ascending order of their key."""
    _, group_of_row, lengths = torch.unique(keys, return_inverse=True, return_counts=True)
    counts: list[int] = lengths.tolist()
    contiguous = bool((group_of_row[1:] >= group_of_row[:-1]).all())
    return Segments(
        num_tokens=len(keys),
        group_of_row=group_of_row,
        counts=tuple(counts),
        order=None if contiguous else torch.argsort(group_of_row, stable=True),
        uniform_length=counts[0] if contiguous and len(set(counts)) == 1 else None,
    )


def _by_length(counts: Sequence[int]) -> list[list[int]]:
    """Group numbers, longest group first, split wherever a group would fill too little of its bucket."""
    buckets: list[list[int]] = []
    for group in sorted(range(len(counts)), key=lambda g: -counts[g]):
        if buckets and counts[group] >= MIN_FILL * counts[buckets[-1][0]]:
            buckets[-1].append(group)
        else:
            buckets.append([group])
    return buckets


def _bucket(groups: list[int], order: Tensor, starts: Tensor, lengths: Tensor) -> Bucket:
    chosen = torch.tensor(groups, device=order.device)
    longest = int(lengths[groups[0]])
    step = torch.arange(longest, device=order.device)
    valid = step < lengths[chosen, None]
    rows = torch.where(valid, order[(starts[chosen, None] + step).clamp(max=len(order) - 1)], 0)
    return Bucket(groups=chosen, rows=rows, valid=None if bool(valid.all()) else valid)


def _unbucket(buckets: Sequence[Bucket], num_tokens: int) -> Tensor:
    rows = torch.cat([bucket.rows.flatten() for bucket in buckets])
    valid = torch.cat([_all_valid(bucket).flatten() for bucket in buckets])
    position = torch.empty(num_tokens, dtype=torch.long, device=rows.device)
    position[rows[valid]] = valid.nonzero()[:, 0]
    return position


def _all_valid(bucket: Bucket) -> Tensor:
    return torch.ones_like(bucket.rows, dtype=torch.bool) if bucket.valid is None else bucket.valid


def expand_to_rows(
    per_group: Shaped[Tensor, "groups_or_one channels"], segments: Segments
) -> Shaped[Tensor, "tokens_or_one channels"]:
    """One row per token from one row per group; a single row stays single and broadcasts."""
    if len(per_group) == 1:
        return per_group
    rows: Tensor = _Expanded.apply(per_group, segments.group_of_row)
    return rows


class _Expanded(torch.autograd.Function):
    """Rows picked by group; its gradient is a product with the groups' indicator matrix."""

    @staticmethod
    def forward(ctx: Any, per_group: Tensor, group_of_row: Tensor) -> Tensor:
        ctx.save_for_backward(group_of_row)
        ctx.num_groups = len(per_group)
        return per_group.index_select(0, group_of_row)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (group_of_row,) = ctx.saved_tensors
        groups = torch.arange(ctx.num_groups, device=grad.device)
        return (groups[:, None] == group_of_row).to(grad.dtype) @ grad, None
