"""Splats into a given number of groups, small where more is seen.

    all rows -> the feature that spreads widest -> halved in its middle -> each half gets groups by its mass
             -> ... until a node is a group

Halving in the middle keeps apart what lies apart. Whole numbers are added and floats only compared, so both
ways give the same groups, on every device.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from rendering.jit import kernel


def clusters(
    features: Float[Tensor, "rows features"], masses: Int[Tensor, " rows"], count: int
) -> Int[Tensor, " rows"]:
    """The group of each row, 0 to `count` - 1; none is empty.

    Args:
        features: Rows with like ones share a group; in comparable units.
        masses: Positive; groups have like masses. All together below 2^40.
        count: Groups; at most as many as rows.

    Raises:
        ValueError: More groups than rows, or none.
    """
    if not 1 <= count <= len(features):
        raise ValueError(f"{len(features)} rows cannot make {count} groups")
    if features.device.type == "cpu":
        rows = np.ascontiguousarray(features.numpy(), np.float32)
        return torch.from_numpy(_halved(rows, masses.numpy().astype(np.int64), count))
    return halved_together(features, masses, count)


def halved_together(
    features: Float[Tensor, "rows features"], masses: Int[Tensor, " rows"], count: int
) -> Int[Tensor, " rows"]:
    """As `clusters`, all nodes of a level at once; for GPUs."""
    device = features.device
    order = torch.arange(len(features), device=device)
    sizes, wanted = (torch.tensor([n], device=device) for n in (len(features), count))
    while len(sizes) < count:
        node = _repeated(sizes, len(order))
        left = _in_left_half(features[order], node, sizes) | (wanted == 1)[node]
        order = order[(2 * node + ~left).argsort(stable=True)]
        num_left = torch.zeros_like(sizes).index_add_(0, node, left.long())
        mass = torch.zeros(2, len(sizes), dtype=torch.long, device=device)
        rows = masses[order]
        mass[0].index_add_(0, node, rows)
        mass[1].index_add_(0, node, rows * (_rank(sizes, node) < num_left[node]))
        share = (2 * wanted * mass[1] + mass[0]) // (2 * mass[0])
        most = torch.minimum(num_left, wanted - 1)
        share = torch.minimum(torch.maximum(share, (wanted - (sizes - num_left)).clamp_min(1)), most)
        share = torch.where(wanted == 1, wanted, share)
        sizes = torch.stack([num_left, sizes - num_left], dim=1).flatten()
        wanted = torch.stack([share, wanted - share], dim=1).flatten()
        sizes, wanted = sizes[wanted > 0], wanted[wanted > 0]
    labels = torch.empty_like(order)
    labels[order] = _repeated(sizes, len(order))
    return labels


def _repeated(sizes: Int[Tensor, " nodes"], length: int) -> Int[Tensor, " rows"]:
    """The number of each row's node, where nodes lie one after the other."""
    nodes = torch.arange(len(sizes), device=sizes.device)
    return torch.repeat_interleave(nodes, sizes, output_size=length)


def _rank(sizes: Int[Tensor, " nodes"], node: Int[Tensor, " rows"]) -> Int[Tensor, " rows"]:
    """The place of each row in its node."""
    return torch.arange(len(node), device=node.device) - (sizes.cumsum(0) - sizes)[node]


def _in_left_half(
    features: Float[Tensor, "rows features"], node: Int[Tensor, " rows"], sizes: Int[Tensor, " nodes"]
) -> Bool[Tensor, " rows"]:
    """Which rows lie below the middle of the widest feature; half of the rows if all are equal."""
    index = node[:, None].expand_as(features)
    empty = features.new_empty(len(sizes), features.shape[1])
    low = empty.scatter_reduce(0, index, features, "amin", include_self=False)
    spread = empty.scatter_reduce(0, index, features, "amax", include_self=False) - low
    widest, axis = spread.max(dim=1)
    low = low.gather(1, axis[:, None])[:, 0]
    values = features.gather(1, axis[node, None])[:, 0]
    left = (values < (low + widest * 0.5)[node]) | (values == low[node])
    return torch.where((widest == 0)[node], 2 * _rank(sizes, node) < sizes[node], left)


@kernel()
def _halved(features: NDArray[np.float32], masses: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """As `clusters`, one node after the other."""
    order, other = np.arange(len(features)), np.empty(len(features), np.int64)
    labels = np.empty(len(features), np.int64)
    stack = [(0, len(features), count)]
    label = 0
    while len(stack) > 0:
        start, end, wanted = stack.pop()
        if wanted == 1:
            labels[order[start:end]] = label
            label += 1
            continue
        axis, least, widest = 0, np.float32(0.0), np.float32(-1.0)
        for feature in range(features.shape[1]):
            low = high = features[order[start], feature]
            for i in range(start, end):
                value = features[order[i], feature]
                low, high = min(low, value), max(high, value)
            if high - low > widest:
                axis, least, widest = feature, low, high - low
        middle = least + widest * np.float32(0.5)
        num_left, num_right, mass, mass_left = 0, 0, 0, 0
        for i in range(start, end):
            row = order[i]
            value = features[row, axis]
            left = value < middle or value == least
            if widest == 0:
                left = 2 * (i - start) < end - start
            mass += masses[row]
            if left:
                order[start + num_left] = row
                mass_left += masses[row]
                num_left += 1
            else:
                other[num_right] = row
                num_right += 1
        order[start + num_left : end] = other[:num_right]
        share = (2 * wanted * mass_left + mass) // (2 * mass)
        share = min(max(share, max(wanted - num_right, 1)), min(num_left, wanted - 1))
        stack.append((start + num_left, end, wanted - share))
        stack.append((start, start + num_left, share))
    return labels
