"""Embeddings of time and place."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.sparse.grid import VoxelGrid

NUM_FREQUENCIES = 128
MAX_PERIOD = 10000.0


class TimestepEmbedder(nn.Module):
    """Sinusoids of the time, then a two-layer perceptron; runs in fp32."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(2 * NUM_FREQUENCIES, channels), nn.SiLU(), nn.Linear(channels, channels)
        )

    def forward(self, t: Float[Tensor, " times"]) -> Float[Tensor, "times channels"]:
        """Embeds times on the scale 0 to 1000."""
        embedded: Tensor = self.mlp(timestep_sinusoids(t))
        return embedded


def timestep_sinusoids(t: Float[Tensor, " times"]) -> Float[Tensor, "times 256"]:
    """[cos(t f), sin(t f)] with 128 frequencies f from 1 down to nearly 1/10000."""
    steps = torch.arange(NUM_FREQUENCIES, dtype=torch.float32, device=t.device)
    angles = t.float()[:, None] * torch.exp(-math.log(MAX_PERIOD) * steps / NUM_FREQUENCIES)
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def absolute_position_embedding(
    coords: Int[Tensor, "points 3"], channels: int
) -> Float[Tensor, "points channels"]:
    """Per axis the sines, then the cosines of channels // 6 frequencies; zeros fill up what 6 leaves over."""
    num = channels // 6
    steps = torch.arange(num, dtype=torch.float32, device=coords.device)
    angles = coords.float()[:, :, None] * (1.0 / MAX_PERIOD ** (steps / num))  # [points, 3, num]
    waves = torch.cat([angles.sin(), angles.cos()], dim=2).flatten(1)
    return nn.functional.pad(waves, (0, channels - waves.shape[1]))


def voxel_position_embedding(grid: VoxelGrid, channels: int) -> Float[Tensor, "voxels channels"]:
    """The absolute position embedding of a grid's voxels, computed once per grid."""
    return grid.memo(
        ("position", channels), lambda: absolute_position_embedding(grid.coords[:, 1:], channels)
    )
