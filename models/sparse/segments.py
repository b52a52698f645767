"""Groups of rows that attend to each other, laid out for dense attention.

A flat token matrix [tokens, channels] holds several groups: the objects of a batch, or the windows of an
object. Dense attention wants [groups, length, ...]. Groups of similar length share a *bucket*: a matrix of
row numbers, short groups padded (the padded keys are masked). A batch of equally long, contiguous groups
needs no gathering at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """A partition of token rows into groups.

    Attributes:
        num_tokens: Rows in all.
        num_groups: Groups, none of them empty.
        group_of_row: Group number of each row.
        uniform_length: Length of every group if all are contiguous and equally long, else None.
        buckets: The groups by similar length; empty if `uniform_length` is given.
        unbucket: Where each row stands in the buckets' concatenated, flattened rows.
    """

    num_tokens: int
    num_groups: int
    group_of_row: Int[Tensor, " tokens"]
    uniform_length: int | None
    buckets: tuple[Bucket, ...]
    unbucket: Int[Tensor, " tokens"] | None


def uniform_segments(num_groups: int, length: int, device: torch.device) -> Segments:
    """Contiguous groups of one length, such as the tokens of a dense batch."""
    return Segments(
        num_tokens=num_groups * length,
        num_groups=num_groups,
        group_of_row=torch.arange(num_groups, device=device).repeat_interleave(length),
        uniform_length=length,
        buckets=(),
        unbucket=None,
    )


def segments_of(keys: Int[Tensor, " tokens"]) -> Segments:
    """Groups rows with equal keys; groups are numbered in ascending order of their key."""
    _, group_of_row, lengths = torch.unique(keys, return_inverse=True, return_counts=True)
    counts: list[int] = lengths.tolist()
    if len(set(counts)) == 1 and bool((group_of_row[1:] >= group_of_row[:-1]).all()):
        return uniform_segments(len(counts), counts[0], keys.device)
    order = torch.argsort(group_of_row, stable=True)
    starts = torch.cumsum(lengths, 0) - lengths
    buckets = tuple(_bucket(groups, order, starts, lengths) for groups in _by_length(counts))
    return Segments(
        num_tokens=len(keys),
        num_groups=len(counts),
        group_of_row=group_of_row,
        uniform_length=None,
        buckets=buckets,
        unbucket=_unbucket(buckets, len(keys)),
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
    return per_group if len(per_group) == 1 else per_group.index_select(0, segments.group_of_row)
