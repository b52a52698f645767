"""Structure decoder: dense convolutions from structure latents to occupancy logits.

    [B, 8, R, R, R] -> conv -> middle blocks -> (residual blocks, x2) per level -> norm, SiLU, conv -> logits

Activations stay in `channels_last_3d`, which makes the channel norm a plain layer norm and is what oneDNN
wants.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from models.layers import FINAL_EPS, LayerNorm, torso_dtype
from models.linear import Convolution3d


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureDecoderConfig:
    """Sizes of a structure decoder; the output has 2^(len(channels) - 1) times the latent's resolution."""

    out_channels: int
    latent_channels: int
    num_res_blocks: int
    channels: Sequence[int]
    num_res_blocks_middle: int = 2


class StructureDecoder(nn.Module):
    """Occupancy logits from structure latents; see the module's figure."""

    def __init__(self, config: StructureDecoderConfig) -> None:
        super().__init__()
        self.config = config
        channels = list(config.channels)
        self.input_layer = Convolution3d(config.latent_channels, channels[0])
        self.middle_block = nn.Sequential(
            *(ResidualBlock(channels[0]) for _ in range(config.num_res_blocks_middle))
        )
        self.blocks = nn.ModuleList()
        for level, width in enumerate(channels):
            self.blocks.extend(ResidualBlock(width) for _ in range(config.num_res_blocks))
            if level + 1 < len(channels):
                self.blocks.append(Upsample(width, channels[level + 1]))
        self.out_layer = nn.Sequential(
            ChannelNorm(channels[-1]), nn.SiLU(), Convolution3d(channels[-1], config.out_channels)
        )

    @property
    def torso_dtype(self) -> torch.dtype:
        """Precision of the residual stream; the first and last convolutions are fp32."""
        return torso_dtype(self.blocks)

    def forward(self, z: Float[Tensor, "batch latent r r r"]) -> Float[Tensor, "batch out d h w"]:
        h = self.input_layer(z.contiguous(memory_format=torch.channels_last_3d)).to(self.torso_dtype)
        h = self.middle_block(h)
        for block in self.blocks:
            h = block(h)
        logits: Tensor = self.out_layer(h.float())
        return logits


class ResidualBlock(nn.Module):
    """x + conv(SiLU(norm(conv(SiLU(norm(x))))))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = ChannelNorm(channels), Convolution3d(channels, channels)
        self.norm2, self.conv2 = ChannelNorm(channels), Convolution3d(channels, channels)

    def forward(self, x: Float[Tensor, "batch channels d h w"]) -> Float[Tensor, "batch channels d h w"]:
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        out: Tensor = x + h
        return out


class ChannelNorm(LayerNorm):
    """Layer norm over the channels of each voxel."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=FINAL_EPS)

    def forward(self, x: Float[Tensor, "batch channels d h w"]) -> Float[Tensor, "batch channels d h w"]:
        return super().forward(x.permute(0, 2, 3, 4, 1)).permute(0, 4, 1, 2, 3)


class Upsample(nn.Module):
    """A convolution to eight times the channels, then a 3-D pixel shuffle."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = Convolution3d(in_channels, out_channels * 8)

    def forward(self, x: Float[Tensor, "batch channels d h w"]) -> Float[Tensor, "batch out 2*d 2*h 2*w"]:
        return pixel_shuffle_3d(self.conv(x))


def pixel_shuffle_3d(
    x: Float[Tensor, "batch in_channels d h w"],
) -> Float[Tensor, "batch in_channels//8 2*d 2*h 2*w"]:
    """Channel c * 8 + sx * 4 + sy * 2 + sz goes to voxel (2x + sx, 2y + sy, 2z + sz) of channel c."""
    batch, _, d, h, w = x.shape
    x = x.permute(0, 2, 3, 4, 1).reshape(batch, d, h, w, -1, 2, 2, 2)  # [B, d, h, w, c, sx, sy, sz]
    x = x.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(batch, 2 * d, 2 * h, 2 * w, -1)
    return x.permute(0, 4, 1, 2, 3)


def occupied_voxels(logits: Float[Tensor, "batch 1 d h w"]) -> Int[Tensor, "voxels 4"]:
    """Coordinates (b, x, y, z) of positive logits, int32, in lexicographic order; there may be none."""
    return (logits[:, 0] > 0).nonzero().int()
