"""Residual block on sparse voxels, modulated by the time, with an optional change of resolution first.

x' = resample(x);  h = conv(SiLU(LN_affine(x')));  h = conv(SiLU(LN(h) * (1 + scale) + shift));  out = h +
skip(x')
"""

from enum import Enum

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from models.layers.blocks import modulate
from models.layers.norms import BLOCK_EPS, LayerNorm
from models.linear import Linear
from models.sparse import (
    SparseTensor,
    SubmanifoldConvolution,
    VoxelGrid,
    downsample,
    expand_to_rows,
    upsample,
)


class Resampling(Enum):
    """What a residual block does to the resolution before anything else."""

    NONE = "none"
    DOWN = "down"
    UP = "up"


class SparseResidualBlock(nn.Module):
    """See the module's formula. The modulation is (scale, shift), the transformer blocks' order reversed."""

    def __init__(
        self, in_channels: int, out_channels: int, emb_channels: int, resampling: Resampling = Resampling.NONE
    ) -> None:
        super().__init__()
        self.resampling = resampling
        self.norm1 = LayerNorm(in_channels, eps=BLOCK_EPS)
        self.conv1 = SubmanifoldConvolution(in_channels, out_channels)
        self.conv2 = SubmanifoldConvolution(out_channels, out_channels)
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(emb_channels, 2 * out_channels))
        same = in_channels == out_channels
        self.skip_connection = nn.Identity() if same else Linear(in_channels, out_channels)

    def modulation(self, t_emb: Float[Tensor, "times channels"]) -> Float[Tensor, "times scale_and_shift"]:
        """Scale and shift of the given times."""
        out: Tensor = self.emb_layers(t_emb)
        return out

    def forward(
        self,
        x: SparseTensor,
        modulation: Float[Tensor, "objects_or_one scale_and_shift"],
        fine: VoxelGrid | None = None,
    ) -> SparseTensor:
        """Runs the block; `fine` is the grid to go back to, for an upsampling block."""
        x = self._resample(x, fine)
        scale, shift = expand_to_rows(modulation, x.grid.objects).chunk(2, dim=1)
        h = self.conv1(x.replace(F.silu(self.norm1(x.feats))))
        h = self.conv2(h.replace(F.silu(modulate(h.feats, scale, shift))))
        out: SparseTensor = h.replace(h.feats + self.skip_connection(x.feats))
        return out

    def _resample(self, x: SparseTensor, fine: VoxelGrid | None) -> SparseTensor:
        if self.resampling is Resampling.DOWN:
            return downsample(x)
        if self.resampling is Resampling.UP:
            assert fine is not None
            return upsample(x.feats, fine)
        return x
