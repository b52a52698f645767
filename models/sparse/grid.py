"""Where the voxels of a batch are, and everything that depends on nothing else.

Neighbour tables, attention windows and the coarser grid are built at first use and kept, so that all layers
and all sampling steps of one object share them. A grid is never changed after its construction.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from models.sparse.segments import Segments, contiguous_segments, segments_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Downsampling:
    """The grid of half resolution, and how the fine voxels map onto it.

    Attributes:
        coarse: Occupied coarse voxels in lexicographic (b, x, y, z) order.
        parent: Coarse row of each fine voxel.
        children: Fine rows of each coarse voxel, filled up with the number of fine voxels (a row past the
            end).
        num_children: How many of the eight there are.
    """

    coarse: "VoxelGrid"
    parent: Int[Tensor, " fine"]
    children: Int[Tensor, "coarse eight"]
    num_children: Int[Tensor, " coarse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bags:
    """Which products each voxel sums, where every voxel was multiplied with some of the 27 taps.

    Attributes:
        rows: Neighbour x number of taps + tap, for the neighbours that there are, voxel after voxel.
        offsets: Where each voxel's begin, and the end.
    """

    rows: Int[Tensor, " pairs"]
    offsets: Int[Tensor, " voxels_and_end"]


class VoxelGrid:
    """Integer voxel coordinates of a batch of objects.

    Rows of one object are contiguous and objects come in ascending order; inside an object any order will do
    and is kept. Every object has at least one voxel.
    """

    def __init__(self, coords: Int[Tensor, "voxels 4"], counts: Sequence[int] | None = None) -> None:
        """Takes (batch, x, y, z) rows, without duplicates.

        Args:
            coords: The rows.
            counts: Voxels of each object, from whoever put the rows together: they are taken as they are, so
                that the host need not wait for the GPU to look at the rows.

        Raises:
            ValueError: The rows are not [voxels, 4] integers, or objects are interleaved, missing or out
                of order.
        """
        if coords.ndim != 2 or coords.shape[1] != 4 or coords.is_floating_point() or len(coords) == 0:
            raise ValueError(
                f"expected integer coordinates [voxels >= 1, 4], got {tuple(coords.shape)} {coords.dtype}"
            )
        if counts is None:
            counts = _counts(coords[:, 0])
        elif sum(counts) != len(coords) or min(counts) < 1:
            raise ValueError(f"objects of {list(counts)} voxels, but {len(coords)} rows")
        self.coords = coords
        self.counts = list(counts)
        self._memo: dict[Hashable, object] = {}

    def __len__(self) -> int:
        return len(self.coords)

    @property
    def device(self) -> torch.device:
        """Where its coordinates lie."""
        return self.coords.device

    @property
    def batch_size(self) -> int:
        """Number of objects."""
        return len(self.counts)

    @cached_property
    def objects(self) -> Segments:
        """Rows by object."""
        return contiguous_segments(self.coords[:, 0].long(), self.counts)

    def memo(self, key: Hashable, build: Callable[[], T]) -> T:
        """What `build` returns, built once per grid and key."""
        if key not in self._memo:
            self._memo[key] = build()
        return cast(T, self._memo[key])

    @cached_property
    def neighbours(self) -> Int[Tensor, "voxels 27"]:
        """Row of the voxel at each of 27 offsets (x slowest, -1 to 1); the row past the end where none is."""
        low = self.coords[:, 1:].amin(dim=0).long() - 1
        extent = self.coords[:, 1:].amax(dim=0).long() - low + 2
        keys, order = torch.sort(_linear_keys(self.coords, low, extent))
        strides = torch.stack([extent[1] * extent[2], extent[2], torch.ones_like(extent[2])])
        offset = ((_cube(3, self.device) - 1) * strides).sum(dim=1)
        wanted = _linear_keys(self.coords, low, extent)[:, None] + offset
        found = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
        return torch.where(keys[found] == wanted, order[found], len(keys))

    def bags(self, num_taps: int) -> list[Bags]:
        """The neighbour table in groups of so many taps, without those that are absent."""

        def build() -> list[Bags]:
            taps = torch.arange(num_taps, device=self.device)
            return [
                _bags(near * num_taps + taps, near < len(self)) for near in self.neighbours.split(num_taps, 1)
            ]

        return self.memo(("bags", num_taps), build)

    def windows(self, size: int, shift: int) -> Segments:
        """Rows by cubic window of `size` voxels, the borders moved by `shift`; windows do not wrap around."""

        def build() -> Segments:
            corner = (self.coords[:, 1:].long() + shift).div(size, rounding_mode="floor")
            low = corner.amin(dim=0)
            windows = torch.cat([self.coords[:, :1], corner], dim=1)
            return segments_of(_linear_keys(windows, low, corner.amax(dim=0) - low + 1))

        return self.memo(("windows", size, shift), build)

    @cached_property
    def downsampled(self) -> Downsampling:
        """Half the resolution; to make it, the host waits once, for the number of tokens."""
        batch, corner = self.coords[:, :1].long(), self.coords[:, 1:].long().div(2, rounding_mode="floor")
        low = corner.amin(dim=0)
        keys = _linear_keys(torch.cat([batch, corner], dim=1), low, corner.amax(dim=0) - low + 1)
        sorted_keys, order = torch.sort(keys, stable=True)
        is_first = torch.ones_like(sorted_keys)
        is_first[1:] = sorted_keys[1:] != sorted_keys[:-1]
        row = is_first.cumsum(0) - 1  # each sorted voxel's coarse one
        counts = is_first.new_zeros(self.batch_size).index_add_(0, batch[:, 0], is_first).tolist()
        num_children = row.new_zeros(sum(counts)).index_add_(0, row, torch.ones_like(row))
        first_child = num_children.cumsum(0) - num_children
        slot = torch.arange(len(self), device=self.device) - first_child[row]
        children = torch.full((len(num_children), 8), len(self), device=self.device)
        children[row, slot] = order
        coarse = torch.cat([batch, corner], dim=1)[children[:, 0]].to(self.coords.dtype)
        return Downsampling(
            coarse=VoxelGrid(coarse, counts),
            parent=torch.empty_like(row).index_copy_(0, order, row),
            children=children,
            num_children=num_children,
        )

    @cached_property
    def subdivided(self) -> "VoxelGrid":
        """Twice the resolution: every voxel becomes its eight children, z fastest."""
        children = self.coords[:, None, 1:] * 2 + _cube(2, self.device).to(self.coords.dtype)
        batch = self.coords[:, None, :1].expand(-1, 8, -1)
        coords = torch.cat([batch, children], dim=2).flatten(0, 1)
        return VoxelGrid(coords, [8 * count for count in self.counts])

    def repeated(self, times: int) -> "VoxelGrid":
        """A batch in which the whole batch of objects follows itself `times` times."""

        def build() -> VoxelGrid:
            coords = self.coords.repeat(times, 1)
            copy = torch.arange(times, device=self.device).repeat_interleave(len(self))
            coords[:, 0] += (copy * self.batch_size).to(coords.dtype)
            return VoxelGrid(coords, self.counts * times)

        return self.memo(("repeated", times), build)


def _counts(batch: Int[Tensor, " voxels"]) -> list[int]:
    """Voxels of each object.

    Raises:
        ValueError: The column does not ascend from 0 in steps of one.
    """
    steps = batch[1:] - batch[:-1]
    if int(batch[0]) != 0 or bool(((steps < 0) | (steps > 1)).any()):
        raise ValueError("the batch column must ascend from 0 in steps of one, without gaps")
    counts: list[int] = torch.bincount(batch).tolist()
    return counts


def _bags(rows: Int[Tensor, "voxels taps"], present: Bool[Tensor, "voxels taps"]) -> Bags:
    ends = present.sum(dim=1).cumsum(0)
    return Bags(rows=rows[present], offsets=torch.cat([ends.new_zeros(1), ends]))


def _linear_keys(coords: Tensor, low: Tensor, extent: Tensor) -> Tensor:
    """One int64 per (batch, x, y, z) row, in lexicographic order, for coordinates in low + [0, extent)."""
    batch, x, y, z = coords.long().unbind(dim=1)
    return ((batch * extent[0] + x - low[0]) * extent[1] + y - low[1]) * extent[2] + z - low[2]


def _cube(side: int, device: torch.device) -> Tensor:
    """Coordinates [side^3, 3] of a cube's voxels, z fastest."""
    axis = torch.arange(side, device=device)
    return torch.cartesian_prod(axis, axis, axis)
