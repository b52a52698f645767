"""The residual block on tensors alone, for compilers: same formula as `SparseResidualBlock.forward`.

An upsampling block works on the coarse voxels until its first convolution needs neighbours: norm, product and
skip connection of a copied row are copies of the row's norm, product and skip connection. That is exact and
spares three quarters of the widest product.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from models.latents.residual import Resampling, SparseResidualBlock
from models.layers.blocks import modulate
from models.sparse import SparseTensor, VoxelGrid, expand_to_rows
from models.sparse.convolution import columns, gathered_product, tap_products
from models.sparse.resampling import downsample

WIDE = 512  # channels from which the neighbours' features are too many to lie side by side at once
TAPS_AT_ONCE = 9

TensorResidual = Callable[[SparseResidualBlock, Tensor, Tensor, Tensor, Tensor, Tensor | None], Tensor]
RunResidual = Callable[[SparseResidualBlock, SparseTensor, Tensor, VoxelGrid | None], SparseTensor]


def residual(
    block: SparseResidualBlock,
    feats: Float[Tensor, "rows in"],
    modulation: Float[Tensor, "voxels_or_one 2*out"],
    neighbours: Int[Tensor, "voxels 27"],
    first_neighbours: Int[Tensor, "voxels 27"],
    parent: Int[Tensor, " voxels"] | None,
) -> Float[Tensor, "voxels out"]:
    """Runs the block after its resampling; see the module's text.

    Args:
        block: Its parts.
        feats: The coarse voxels' features if `parent` is given, else the voxels' own.
        modulation: Scale and shift of each voxel's time, or of the one they share.
        neighbours: Of the voxels.
        first_neighbours: Rows of `feats` that stand for those neighbours.
        parent: Row of `feats` that each voxel is a copy of.
    """
    scale, shift = modulation.chunk(2, dim=1)
    h = _convolved(block.conv1.conv, F.silu(block.norm1(feats)), first_neighbours, coarse=parent is not None)
    h = _convolved(block.conv2.conv, F.silu(modulate(h, scale, shift)), neighbours, coarse=False)
    skip: Tensor = block.skip_connection(feats)
    return h + (skip if parent is None else skip.index_select(0, parent))


def _convolved(conv: torch.nn.Module, feats: Tensor, neighbours: Tensor, *, coarse: bool) -> Tensor:
    weight, bias = conv.weight, conv.bias
    assert isinstance(weight, Tensor)
    assert isinstance(bias, Tensor)
    taps = weight.flatten(1, 3)
    if coarse:
        return tap_products(feats, neighbours, taps) + bias
    if taps.shape[2] < WIDE:
        return gathered_product(feats, neighbours, taps) + bias
    out = bias
    parts = zip(neighbours.split(TAPS_AT_ONCE, 1), taps.split(TAPS_AT_ONCE, 1), strict=True)
    for near, some in parts:
        out = torch.addmm(out, columns(feats, near), some.flatten(1).T)
    return out


def run_plain(
    block: SparseResidualBlock, x: SparseTensor, modulation: Tensor, fine: VoxelGrid | None
) -> SparseTensor:
    """The block as it is."""
    out: SparseTensor = block(x, modulation, fine=fine)
    return out


def run_with(tensors: TensorResidual) -> RunResidual:
    """A runner that takes `tensors` in place of the block."""

    def run(
        block: SparseResidualBlock, x: SparseTensor, modulation: Tensor, fine: VoxelGrid | None
    ) -> SparseTensor:
        if block.resampling is not Resampling.UP:
            x = downsample(x) if block.resampling is Resampling.DOWN else x
            table, rows = x.grid.neighbours, expand_to_rows(modulation, x.grid.objects)
            return x.replace(tensors(block, x.feats, rows, table, table, None))
        assert fine is not None
        coarse_table = fine.memo("parents of neighbours", lambda: _coarse_table(fine))
        parent = fine.downsampled.parent
        rows = expand_to_rows(modulation, fine.objects)
        feats = tensors(block, x.feats, rows, fine.neighbours, coarse_table, parent)
        return SparseTensor(grid=fine, feats=feats)

    return run


def _coarse_table(fine: VoxelGrid) -> Tensor:
    """Coarse row of each of the 27 neighbours; the row past the end where none is."""
    parent = fine.downsampled.parent
    past_end = parent.new_full((1,), len(fine.downsampled.coarse))
    return torch.cat([parent, past_end])[fine.neighbours]
