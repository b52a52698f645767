"""Latent flow: the velocity of a rectified flow over latents on occupied voxels (TRELLIS, section 3.2).

feats [N, 8] -> Linear -> residual blocks, x1/2 a level -> + position -> modulated blocks
                                  |  skips (features)                       |
        [N, 8] <- Linear <- LN <- residual blocks, x2 a level <- concat <---+
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.latents.residual import Resampling, SparseResidualBlock
from models.layers import (
    FINAL_EPS,
    Context,
    ModulatedBlock,
    ModuleList,
    Projection,
    TimestepEmbedder,
    layer_norm,
    torso_dtype,
    voxel_position_embedding,
)
from models.sparse import SparseTensor, VoxelGrid


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentFlowConfig:
    """Sizes of a latent flow.

    Each entry of `io_block_channels` is one level of down- and upsampling by two, with `num_io_res_blocks`
    residual blocks each way; their product is the patch size.
    """

    resolution: int
    in_channels: int
    out_channels: int
    model_channels: int
    cond_channels: int
    num_blocks: int
    num_heads: int
    mlp_ratio: float = 4
    patch_size: int = 2
    num_io_res_blocks: int = 2
    io_block_channels: Sequence[int] = ()
    use_skip_connection: bool = True
    qk_rms_norm: bool = True
    qk_rms_norm_cross: bool = False

    def __post_init__(self) -> None:
        if self.patch_size != 2 ** len(self.io_block_channels):
            raise ValueError("patch_size must be 2 to the number of io_block_channels")
        if self.model_channels % self.num_heads:
            raise ValueError("num_heads must divide model_channels")


class LatentFlow(nn.Module):
    """Velocity field; see the module's figure."""

    def __init__(self, config: LatentFlowConfig) -> None:
        super().__init__()
        self.config = config
        width = config.model_channels
        levels = [*config.io_block_channels, width]
        self.t_embedder = TimestepEmbedder(width)
        self.input_layer = nn.Linear(config.in_channels, levels[0])
        self.input_blocks = ModuleList(_input_blocks(config, levels))
        self.blocks = ModuleList(
            ModulatedBlock(
                width,
                config.cond_channels,
                config.num_heads,
                config.mlp_ratio,
                qk_rms_norm=config.qk_rms_norm,
                qk_rms_norm_cross=config.qk_rms_norm_cross,
            )
            for _ in range(config.num_blocks)
        )
        self.out_blocks = ModuleList(_out_blocks(config, levels))
        self.out_layer = nn.Linear(levels[0], config.out_channels)

    @property
    def torso_dtype(self) -> torch.dtype:
        """Precision of the residual stream; the first and last linear layers are fp32."""
        return torso_dtype(self.blocks)

    def forward(
        self,
        x: SparseTensor,
        t: Float[Tensor, " objects"],
        cond: Float[Tensor, "objects condition cond_channels"],
    ) -> SparseTensor:
        """The velocity at times `t`, on the scale 0 to 1000."""
        return self.velocity(x, self.modulations(t), self.contexts(self.projections(cond), x.grid))

    def modulations(self, t: Float[Tensor, " times"]) -> list[Float[Tensor, "times _modulation"]]:
        """Every block's modulation at the given times, in the order of the data flow."""
        t_emb = self.t_embedder(t).to(self.torso_dtype)
        blocks = (*self.input_blocks, *self.blocks, *self.out_blocks)
        return [block.modulation(t_emb) for block in blocks]

    def projections(self, cond: Float[Tensor, "objects condition cond_channels"]) -> list[Projection]:
        """Each transformer block's keys and values of the condition of some objects."""
        return [block.cross_attn.project(cond.to(self.torso_dtype)) for block in self.blocks]

    def contexts(self, projections: Sequence[Projection], grid: VoxelGrid) -> list[Context]:
        """The same for the tokens of the objects' grid."""
        objects = self._torso_grid(grid).objects
        return [projection.of(objects) for projection in projections]

    def velocity(
        self,
        x: SparseTensor,
        modulations: Sequence[Float[Tensor, "objects_or_one _modulation"]],
        contexts: Sequence[Context],
    ) -> SparseTensor:
        """The velocity from what `modulations` and `contexts` computed ahead.

        Objects of `x` beyond those of the contexts are unconditional.
        """
        steps = iter(modulations)
        h = x.replace(self.input_layer(x.feats).to(self.torso_dtype))
        h, skips = self._encode(h, steps)
        h = h.replace(
            h.feats + voxel_position_embedding(h.grid, self.config.model_channels).to(h.feats.dtype)
        )
        for block, context in zip(self.blocks, contexts, strict=True):
            h = h.replace(block(h.feats, next(steps), h.grid.objects, context))
        h = self._decode(h, skips, steps)
        return x.replace(self.out_layer(layer_norm(h.feats, FINAL_EPS).float()))

    def _encode(
        self, h: SparseTensor, modulations: Iterator[Tensor]
    ) -> tuple[SparseTensor, list[SparseTensor]]:
        """Input blocks; the second result holds what went into the first and what each of them gave."""
        skips = [h]
        for block in self.input_blocks:
            h = block(h, next(modulations))
            skips.append(h)
        return h, skips

    def _decode(
        self, h: SparseTensor, skips: list[SparseTensor], modulations: Iterator[Tensor]
    ) -> SparseTensor:
        for block in self.out_blocks:
            skip = skips.pop()
            if self.config.use_skip_connection:
                h = h.replace(torch.cat([h.feats, skip.feats], dim=1))
            h = block(h, next(modulations), skips[-1].grid)
        return h

    def _torso_grid(self, grid: VoxelGrid) -> VoxelGrid:
        for _ in self.config.io_block_channels:
            grid = grid.downsampled.coarse
        return grid


def _input_blocks(config: LatentFlowConfig, levels: Sequence[int]) -> Iterator[SparseResidualBlock]:
    for width, coarser in pairwise(levels):
        for _ in range(config.num_io_res_blocks - 1):
            yield SparseResidualBlock(width, width, config.model_channels)
        yield SparseResidualBlock(width, coarser, config.model_channels, Resampling.DOWN)


def _out_blocks(config: LatentFlowConfig, levels: Sequence[int]) -> Iterator[SparseResidualBlock]:
    factor = 2 if config.use_skip_connection else 1
    for width, coarser in reversed(list(pairwise(levels))):
        yield SparseResidualBlock(coarser * factor, width, config.model_channels, Resampling.UP)
        for _ in range(config.num_io_res_blocks - 1):
            yield SparseResidualBlock(width * factor, width, config.model_channels)
