"""The mesh decoder's forward pass for training.

The shipped one (`models.mesh.subdivided_convolution`) gathers in chunks to save memory. Here memory is
plenty and gradients are wanted: convolutions on the fine grid whose backward pass adds nothing atomically.
"""

from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from models.mesh.cube_tables import CORNERS
from models.mesh.decoder import MeshDecoder
from models.mesh.subdivided_convolution import fine_neighbours
from models.mesh.upsampling import UpsampleBlock
from models.sparse import SparseTensor, SubmanifoldConvolution, VoxelGrid
from models.sparse.convolution import gathered_convolution
from training.surface_distance import SIDE

CHILDREN = 64  # fine voxels of a voxel


def fine_features(decoder: MeshDecoder, x: SparseTensor) -> Float[Tensor, "voxels 64 channels"]:
    """What the decoder's last layer gets, by voxel and fine voxel."""
    h = x.replace(decoder.trunk(x))
    for block in decoder.upsample:
        h = _upsampled(block, h)
    return h.feats.view(len(x.grid), CHILDREN, -1)


def corner_rows(device: torch.device) -> Int[Tensor, "64 8"]:
    """Which of a voxel's 5^3 corners are those of its fine voxels, in the order of `fine_features`."""
    fine = VoxelGrid(torch.zeros(1, 4, dtype=torch.long)).subdivided.subdivided.coords[:, 1:]
    x, y, z = (fine[:, None] + torch.tensor(CORNERS)).unbind(-1)
    return ((x * SIDE + y) * SIDE + z).to(device)


def _upsampled(block: nn.Module, x: SparseTensor) -> SparseTensor:
    """`UpsampleBlock.forward`."""
    assert isinstance(block, UpsampleBlock)
    coarse, fine = x.grid, x.grid.subdivided
    neighbours = fine_neighbours(coarse.neighbours, len(coarse))
    h = _copied(F.silu(block.act_layers["0"](x.feats, coarse.objects)))
    h = _convolved(block.out_layers["0"], h, neighbours)
    h = F.silu(block.out_layers["1"](h, fine.objects))
    h = _convolved(block.out_layers["3"], h, neighbours)
    return SparseTensor(grid=fine, feats=h + _copied(block.skip(x)))


def _copied(feats: Tensor) -> Tensor:
    """Eight copies of each row; the gradient of an expansion is a plain sum."""
    return feats[:, None].expand(-1, 8, -1).reshape(8 * len(feats), -1)


def _convolved(convolution: nn.Module, feats: Tensor, neighbours: Tensor) -> Tensor:
    weights = cast(SubmanifoldConvolution, convolution).conv
    return gathered_convolution(feats, neighbours, weights.weight, weights.bias)
