"""The residual block on tensors alone: same formula as `SparseResidualBlock.forward`, in fewer passes.

An upsampling block works on the coarse voxels until its first convolution needs neighbours: norm, product and
skip connection of a copied row are copies of the row's norm, product and skip connection. That is exact and
spares three quarters of the widest product.
"""

from collections.abc import Callable
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.fast.kernels import gathered_columns, normed, tap_sum
from models.fast.kernels.parameters import Norm
from models.latents.residual import Resampling, SparseResidualBlock
from models.layers.norms import BLOCK_EPS
from models.sparse import SparseTensor, VoxelGrid, expand_to_rows
from models.sparse.resampling import downsample

WIDE = 512  # channels from which the neighbours' features are too many to lie side by side at once
TAPS_AT_ONCE = 9

TensorResidual = Callable[[SparseResidualBlock, Tensor, Tensor, Tensor, Tensor, Tensor | None], Tensor]


class FastResidual:
    """Runs residual blocks whose weights no longer change; see the module's text."""

    def __init__(self) -> None:
        self._by_tap: WeakKeyDictionary[nn.Module, Tensor] = WeakKeyDictionary()

    def __call__(
        self,
        block: SparseResidualBlock,
        feats: Float[Tensor, "rows in"],
        modulation: Float[Tensor, "voxels_or_one scale_and_shift"],
        neighbours: Int[Tensor, "voxels 27"],
        first_neighbours: Int[Tensor, "voxels 27"],
        parent: Int[Tensor, " voxels"] | None,
    ) -> Float[Tensor, "voxels scale_and_shift//2"]:
        """Runs the block after its resampling.

        Args:
            block: Its parts.
            feats: The coarse voxels' features if `parent` is given, else the voxels' own.
            modulation: Scale and shift of each voxel's time, or of the one they share.
            neighbours: Of the voxels.
            first_neighbours: Rows of `feats` that stand for those neighbours.
            parent: Row of `feats` that each voxel is a copy of.
        """
        weight, bias = block.norm1.weight[None], block.norm1.bias[None]
        scale, shift = modulation.chunk(2, dim=1)
        h = normed(feats, Norm(scale=weight, shift=bias, silu=True, eps=BLOCK_EPS))
        h = self._convolved(block.conv1.conv, h, first_neighbours, coarse=parent is not None)
        h = normed(h, Norm(scale=scale, shift=shift, plus_one=True, silu=True, eps=BLOCK_EPS))
        h = self._convolved(block.conv2.conv, h, neighbours, coarse=False)
        skip: Tensor = block.skip_connection(feats)
        return h + (skip if parent is None else skip.index_select(0, parent))

    def _convolved(self, conv: nn.Module, feats: Tensor, neighbours: Tensor, *, coarse: bool) -> Tensor:
        weight, bias = conv.weight, conv.bias
        assert isinstance(weight, Tensor)
        assert isinstance(bias, Tensor)
        taps = weight.flatten(1, 3)  # [out, 27, in]
        if coarse or taps.shape[2] > taps.shape[0]:  # what is narrower moves: the input, or its products
            if conv not in self._by_tap:
                self._by_tap[conv] = taps.transpose(0, 1).flatten(0, 1).contiguous()
            return tap_sum(feats @ self._by_tap[conv].T, neighbours, bias)
        at_once = TAPS_AT_ONCE if taps.shape[2] >= WIDE else taps.shape[1]
        out = bias
        for near, some in zip(neighbours.split(at_once, 1), taps.split(at_once, 1), strict=True):
            out = torch.addmm(out, gathered_columns(feats, near), some.flatten(1).T)
        return out


class FusedResidual(SparseResidualBlock):
    """A block's own parts, run on tensors alone."""

    def __init__(self, block: SparseResidualBlock, tensors: TensorResidual) -> None:
        """Shares the parts of `block`."""
        nn.Module.__init__(self)
        self.resampling, self.norm1, self.emb_layers = block.resampling, block.norm1, block.emb_layers
        self.conv1, self.conv2, self.skip_connection = block.conv1, block.conv2, block.skip_connection
        self._tensors = tensors

    def forward(
        self,
        x: SparseTensor,
        modulation: Float[Tensor, "objects_or_one scale_and_shift"],
        fine: VoxelGrid | None = None,
    ) -> SparseTensor:
        if self.resampling is not Resampling.UP:
            x = downsample(x) if self.resampling is Resampling.DOWN else x
            table, rows = x.grid.neighbours, expand_to_rows(modulation, x.grid.objects)
            return x.replace(self._tensors(self, x.feats, rows, table, table, None))
        assert fine is not None
        coarse_table = fine.memo("parents of neighbours", lambda: _coarse_table(fine))
        parent = fine.downsampled.parent
        rows = expand_to_rows(modulation, fine.objects)
        feats = self._tensors(self, x.feats, rows, fine.neighbours, coarse_table, parent)
        return SparseTensor(grid=fine, feats=feats)


def _coarse_table(fine: VoxelGrid) -> Tensor:
    """Coarse row of each of the 27 neighbours; the row past the end where none is."""
    parent = fine.downsampled.parent
    past_end = parent.new_full((1,), len(fine.downsampled.coarse))
    return torch.cat([parent, past_end])[fine.neighbours]
