"""Convolutions next to a subdivision, where each voxel has all its seven siblings.

They give what `SubmanifoldConvolution` gives, cheaper: the neighbour table of the coarse grid, an eighth of
the fine one's, says everything, and rows are gathered in chunks, so that a million voxels take little memory.

With tap k (0 to 2) a child of parity p (0 or 1) reads the fine voxel p + k - 1, counted from its parent's
lower child: the child of parity (p + k - 1) mod 2 of the parent's neighbour floor((p + k - 1) / 2); on all
three axes alike.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.linear import linear
from models.sparse import VoxelGrid

CHUNK_ELEMENTS = 2**25  # of gathered features at a time


def upsampling_convolution(
    feats: Float[Tensor, "coarse in"],
    coarse: VoxelGrid,
    weight: Float[Tensor, "out 3 3 3 in"],
    bias: Float[Tensor, " out"],
) -> Float[Tensor, "fine out"]:
    """The 3x3x3 convolution of the features that a subdivision would copy to eight children each.

    Taps that read the same parent are summed first: 8 products a child instead of 27.
    """
    matrices, parents, source = folded_weights(weight), _parents_read(feats.device), _padded(feats)
    size, chunks = _chunk(8 * feats.shape[1]), _Filled(8 * len(coarse))
    for neighbours in torch.split(coarse.neighbours, size):
        children = [
            linear(_gathered(source, neighbours[:, read]), matrix, bias)
            for matrix, read in zip(matrices, parents, strict=True)
        ]
        chunks.append(torch.stack(children, dim=1).flatten(0, 1))
    return chunks.rows


def sibling_convolution(
    feats: Float[Tensor, "fine in"],
    coarse: VoxelGrid,
    weight: Float[Tensor, "out 3 3 3 in"],
    bias: Float[Tensor, " out"],
) -> Float[Tensor, "fine out"]:
    """The 3x3x3 convolution on `coarse.subdivided`."""
    matrix, source, chunks = weight.flatten(1), _padded(feats), _Filled(8 * len(coarse))
    for neighbours in torch.split(coarse.neighbours, _chunk(8 * 27 * feats.shape[1])):
        chunks.append(linear(_gathered(source, fine_neighbours(neighbours, len(coarse))), matrix, bias))
    return chunks.rows


class _Filled:
    """Rows that come in chunks, stored once: to concatenate the chunks would hold all of them twice."""

    def __init__(self, count: int) -> None:
        self._count, self._end = count, 0
        self.rows = torch.empty(0)

    def append(self, chunk: Tensor) -> None:
        """The next rows; the first ones decide about width, type and device."""
        if self._end == 0:
            self.rows = chunk.new_empty(self._count, chunk.shape[1])
        self.rows[self._end : self._end + len(chunk)] = chunk
        self._end += len(chunk)


def folded_weights(weight: Float[Tensor, "out 3 3 3 inputs"]) -> Float[Tensor, "8 out 8*inputs"]:
    """For each child the matrix of the 2x2x2 parents it reads, summed in fp32."""
    fold = torch.tensor([[[1.0, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]], device=weight.device)
    # fold: [parity, parent, tap]
    folded = torch.einsum("oxyzi,pax,qby,rcz->pqroabci", weight.float(), fold, fold, fold)
    return folded.reshape(8, len(weight), -1).to(weight.dtype)


def fine_neighbours(neighbours: Int[Tensor, "parents 27"], num_coarse: int) -> Int[Tensor, "children 27"]:
    """Rows in a subdivided grid of each child's neighbours, from the rows of its parent's neighbours.

    An absent neighbour, `num_coarse`, becomes the row past the end.
    """
    position = _per_axis(2)[:, None] + _per_axis(3) - 1  # [8, 27, 3], -1 to 2
    parent = (position.div(2, rounding_mode="floor") + 1) @ torch.tensor([9, 3, 1])
    child = position.remainder(2) @ torch.tensor([4, 2, 1])
    device = neighbours.device
    rows = 8 * neighbours[:, parent.to(device)] + child.to(device)
    return rows.clamp(max=8 * num_coarse).flatten(0, 1)


def _parents_read(device: torch.device) -> Tensor:
    """Which columns of the neighbour table a child of each parity reads [8, 8]."""
    position = _per_axis(2)[:, None] + _per_axis(2)
    return (position @ torch.tensor([9, 3, 1])).to(device)


def _per_axis(side: int) -> Tensor:
    """(x, y, z) of a cube's cells, z fastest [side^3, 3]."""
    axis = torch.arange(side)
    return torch.cartesian_prod(axis, axis, axis)


def _padded(feats: Tensor) -> Tensor:
    """A row of zeros past the end, for absent neighbours."""
    return torch.cat([feats, feats.new_zeros(1, feats.shape[1])])


def _gathered(source: Tensor, rows: Tensor) -> Tensor:
    """The named rows side by side [rows, columns * channels]."""
    return source.index_select(0, rows.flatten()).view(len(rows), -1)


def _chunk(elements_per_row: int) -> int:
    return max(1, CHUNK_ELEMENTS // elements_per_row)
