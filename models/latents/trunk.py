"""The trunk that all decoders of structured latents share: shifted-window attention on occupied voxels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.layers import ModuleList, PlainBlock, torso_dtype, voxel_position_embedding
from models.sparse import Segments, SparseTensor, VoxelGrid


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentDecoderConfig:
    """Sizes of a trunk; windows of `window_size` voxels are shifted by half in every other block."""

    resolution: int
    model_channels: int
    latent_channels: int
    num_blocks: int
    num_heads: int
    mlp_ratio: float = 4
    attn_mode: Literal["full", "swin"] = "swin"
    window_size: int = 8
    qk_rms_norm: bool = False

    def __post_init__(self) -> None:
        if self.attn_mode not in ("full", "swin"):
            raise ValueError(f"attn_mode {self.attn_mode!r}: only full and swin are supported")
        if self.model_channels % self.num_heads:
            raise ValueError("num_heads must divide model_channels")


class LatentDecoder(nn.Module):
    """Linear + position -> blocks. Subclasses add a head; published names have no prefix for the trunk."""

    def __init__(self, config: LatentDecoderConfig) -> None:
        super().__init__()
        self.trunk_config = config
        width = config.model_channels
        self.input_layer = nn.Linear(config.latent_channels, width)
        self.blocks = ModuleList(
            PlainBlock(width, config.num_heads, config.mlp_ratio, qk_rms_norm=config.qk_rms_norm)
            for _ in range(config.num_blocks)
        )

    @property
    def torso_dtype(self) -> torch.dtype:
        """Precision of the residual stream; the first and last linear layers are fp32."""
        return torso_dtype(self.blocks)

    def trunk(self, x: SparseTensor) -> Float[Tensor, "voxels channels"]:
        """Features in the torso's precision."""
        h = self.embedded(x)
        for block, windows in zip(self.blocks, self.segments(x.grid), strict=True):
            h = block(h, windows)
        return h

    def embedded(self, x: SparseTensor) -> Float[Tensor, "voxels channels"]:
        """What the first block gets."""
        h: Tensor = self.input_layer(x.feats) + voxel_position_embedding(
            x.grid, self.trunk_config.model_channels
        )
        return h.to(self.torso_dtype)

    def segments(self, grid: VoxelGrid) -> Sequence[Segments]:
        """What attends to each other in each block."""
        config = self.trunk_config
        if config.attn_mode == "full":
            return [grid.objects] * config.num_blocks
        shifts = (0, config.window_size // 2)
        return [grid.windows(config.window_size, shifts[i % 2]) for i in range(config.num_blocks)]
