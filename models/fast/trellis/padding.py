"""A batch of objects, each padded to one of a few sizes, so that recorded kernels fit many objects.

Rows of padding compute nonsense that nobody reads: no voxel has them as neighbours, attention masks them, and
they are dropped at the end. Object b owns the rows [b V, (b + 1) V) of its grid and [b T, (b + 1) T) of the
grid of half resolution (tokens).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from models.fast.plan import MAX_VOXELS
from models.layers.embeddings import voxel_position_embedding
from models.sparse import VoxelGrid
from models.transfer import to_device_async

TOKEN_SIZES = (512, 1024, 1536, 2048, 2560, 3072, 3584, 4096, 5120, 6144, 8192)
VOXELS_PER_FOUR_TOKENS = (17, 20, 32)  # surfaces have about 16, nothing has more than 32
MAX_WARM_RATIO = 20  # sizes of up to 20 voxels per four tokens are captured during warm-up


@dataclass(frozen=True, slots=True, kw_only=True)
class PaddedSize:
    """Rows of every object of a batch."""

    tokens: int
    voxels: int


def padded_size(tokens: int, voxels: int, max_voxels: int = MAX_VOXELS) -> PaddedSize | None:
    """The smallest size that holds so many tokens and voxels.

    None if that is more tokens than a surface of `max_voxels` has, rounded up to a whole size.
    """
    fitting = (size for size in sizes(max_voxels) if size.tokens >= tokens and size.voxels >= voxels)
    return next(fitting, None)


def sizes(max_voxels: int, most: int = VOXELS_PER_FOUR_TOKENS[-1]) -> list[PaddedSize]:
    """All sizes of surfaces of up to so many voxels, and `most` voxels in four tokens, smallest first."""
    too_few = sum(MAX_WARM_RATIO * tokens < 4 * max_voxels for tokens in TOKEN_SIZES)
    return [
        PaddedSize(tokens=tokens, voxels=ratio * tokens // 4)
        for tokens in TOKEN_SIZES[: too_few + 1]
        for ratio in VOXELS_PER_FOUR_TOKENS
        if ratio <= most
    ]


@dataclass(frozen=True, kw_only=True)
class FlowTables:
    """What a latent flow with one level of downsampling reads of a padded grid.

    A row past the end stands for an absent voxel.

    Attributes:
        neighbours: Of the voxels.
        coarse_neighbours: Of the tokens.
        parents_of_neighbours: Tokens of the voxels' neighbours.
        parent: Token of each voxel; any for padding.
        children: Voxels of each token.
        divisor: One more than each token has children.
        lengths: Tokens of each object.
    """

    neighbours: Int[Tensor, "voxels 27"]
    coarse_neighbours: Int[Tensor, "tokens 27"]
    parents_of_neighbours: Int[Tensor, "voxels 27"]
    parent: Int[Tensor, " voxels"]
    children: Int[Tensor, "tokens 8"]
    divisor: Float[Tensor, "tokens 1"]
    lengths: Int[Tensor, " objects"]

    @classmethod
    def count(cls) -> int:
        """How many there are."""
        return len(fields(cls))

    @classmethod
    def of(cls, tensors: Sequence[Tensor]) -> "FlowTables":
        """From what `tensors` gives."""
        return cls(**{field.name: tensor for field, tensor in zip(fields(cls), tensors, strict=True)})

    def tensors(self) -> list[Tensor]:
        """All of them, in the order of the fields."""
        return [getattr(self, field.name) for field in fields(self)]

    @cached_property
    def twice(self) -> "FlowTables":
        """Of the same batch following itself."""
        num_voxels, num_tokens = len(self.parent), len(self.divisor)
        return replace(
            self,
            neighbours=_twice(self.neighbours, num_voxels),
            coarse_neighbours=_twice(self.coarse_neighbours, num_tokens),
            parents_of_neighbours=_twice(self.parents_of_neighbours, num_tokens),
            parent=torch.cat([self.parent, self.parent + num_tokens]),
            children=_twice(self.children, num_voxels),
            divisor=self.divisor.repeat(2, 1),
            lengths=self.lengths.repeat(2),
        )


def _twice(rows: Int[Tensor, "n k"], past_end: int) -> Int[Tensor, "2*n k"]:
    absent = rows == past_end
    return torch.cat([rows.masked_fill(absent, 2 * past_end), rows + past_end])


class PaddedGrid:
    """Where the rows of a grid lie in its padded form."""

    def __init__(self, grid: VoxelGrid, size: PaddedSize) -> None:
        self.grid = grid
        self.size = size
        self.num_rows = grid.batch_size * size.voxels
        self.num_tokens = grid.batch_size * size.tokens
        self.rows = _places(grid, size.voxels)

    @cached_property
    def tokens(self) -> Int[Tensor, " tokens"]:
        """Padded row of each token."""
        return _places(self.grid.downsampled.coarse, self.size.tokens)

    def padded(self, feats: Shaped[Tensor, "voxels channels"]) -> Shaped[Tensor, "rows channels"]:
        """Features in padded form, zeros for padding."""
        return feats.new_zeros(self.num_rows, feats.shape[1]).index_copy_(0, self.rows, feats)

    @cached_property
    def flow_tables(self) -> FlowTables:
        """For a latent flow."""
        down, rows, num_rows = self.grid.downsampled, self.rows, self.num_rows
        tokens, num_tokens = self.tokens, self.num_tokens
        to_row, to_token = _with_end(rows, num_rows), _with_end(tokens, num_tokens)
        to_parent = _with_end(tokens[down.parent], num_tokens)
        ones = torch.ones(num_tokens, 1, device=rows.device)
        return FlowTables(
            neighbours=_spread(to_row[self.grid.neighbours], rows, num_rows, num_rows),
            coarse_neighbours=_spread(to_token[down.coarse.neighbours], tokens, num_tokens, num_tokens),
            parents_of_neighbours=_spread(to_parent[self.grid.neighbours], rows, num_tokens, num_rows),
            parent=rows.new_zeros(num_rows).index_copy_(0, rows, tokens[down.parent]),
            children=_spread(to_row[down.children], tokens, num_rows, num_tokens),
            divisor=ones.index_add_(0, tokens, down.num_children[:, None].float()),
            lengths=to_device_async(down.coarse.counts, rows.device),
        )

    def token_positions(self, channels: int) -> Float[Tensor, "tokens channels"]:
        """Position embeddings of the tokens."""
        positions = voxel_position_embedding(self.grid.downsampled.coarse, channels)
        return positions.new_zeros(self.num_tokens, channels).index_copy_(0, self.tokens, positions)


def _places(grid: VoxelGrid, rows_each: int) -> Int[Tensor, " voxels"]:
    """Padded row of each voxel."""
    starts = range(0, grid.batch_size * rows_each, rows_each)
    return torch.cat(
        [
            torch.arange(start, start + count, device=grid.device)
            for start, count in zip(starts, grid.counts, strict=True)
        ]
    )


def _with_end(places: Tensor, past_end: int) -> Tensor:
    """Places of rows, the row past the end included."""
    return torch.cat([places, places.new_full((1,), past_end)])


def _spread(table: Tensor, places: Tensor, absent: int, num_rows: int) -> Tensor:
    """Rows of a table at their places among `num_rows`, the others full of `absent`."""
    return table.new_full((num_rows, table.shape[1]), absent).index_copy_(0, places, table)


def pad(grid: VoxelGrid, max_voxels: int = MAX_VOXELS) -> PaddedGrid | None:
    """The padded form of a grid, built once per grid; None if an object is too large."""

    def build() -> PaddedGrid | None:
        size = padded_size(max(grid.downsampled.coarse.counts), max(grid.counts), max_voxels)
        return None if size is None else PaddedGrid(grid, size)

    return grid.memo(("padded", max_voxels), build)
