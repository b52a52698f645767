"""Changes of resolution by a factor of two."""

import torch
from jaxtyping import Float
from torch import Tensor

from models.sparse.grid import VoxelGrid
from models.sparse.tensor import SparseTensor


def downsample(x: SparseTensor) -> SparseTensor:
    """Sum of each coarse voxel's children divided by their number **plus one**.

    Not a mean: the published weights were trained with this divisor.
    """
    down = x.grid.downsampled
    padded = torch.cat([x.feats, x.feats.new_zeros(1, x.feats.shape[1])])
    total = padded.index_select(0, down.children.flatten()).view(len(down.coarse), 8, -1).sum(dim=1)
    return SparseTensor(grid=down.coarse, feats=total / (down.num_children[:, None] + 1).to(total.dtype))


def upsample(feats: Float[Tensor, "coarse channels"], fine: VoxelGrid) -> SparseTensor:
    """Copies the features on `fine.downsampled.coarse` back to the fine voxels they came from."""
    return SparseTensor(grid=fine, feats=feats.index_select(0, fine.downsampled.parent))


def subdivide(x: SparseTensor) -> SparseTensor:
    """Every voxel becomes its eight children with a copy of its features."""
    return SparseTensor(grid=x.grid.subdivided, feats=x.feats.repeat_interleave(8, dim=0))
