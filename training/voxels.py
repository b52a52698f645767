"""Surface points to voxels: the occupancy grid, and per-voxel statistics that the splat encoder sees."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

NUM_VOXEL_FEATURES = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class VoxelStatistics:
    """Occupied voxels of a batch of objects.

    Attributes:
        coords: (b, x, y, z), lexicographic.
        features: mean RGB 3, mean offset 3, mean normal 3, RGB deviation 3, offset second moments 6,
            RGB-offset correlation 9, log count 1; each about -1 to 1.
    """

    coords: Int[Tensor, "voxels 4"]
    features: Float[Tensor, "voxels 28"]


def voxel_indices(
    positions: Float[Tensor, "batch points 3"], resolution: int
) -> Int[Tensor, "batch points 3"]:
    """The voxel of each point of the cube [-0.5, 0.5]^3."""
    return ((positions.float() + 0.5) * resolution).long().clamp(0, resolution - 1)


def occupancy(positions: Float[Tensor, "batch points 3"], resolution: int) -> Float[Tensor, "batch 1 x y z"]:
    """1 where a voxel holds at least one surface point."""
    index = voxel_indices(positions, resolution)
    grid = torch.zeros(positions.shape[0], 1, resolution, resolution, resolution, device=positions.device)
    batch = torch.arange(positions.shape[0], device=positions.device)[:, None].expand(index.shape[:2])
    grid[batch, 0, index[..., 0], index[..., 1], index[..., 2]] = 1.0
    return grid


def voxel_statistics(
    positions: Float[Tensor, "batch points 3"],
    normals: Float[Tensor, "batch points 3"],
    colors: Float[Tensor, "batch points 3"],
    resolution: int,
) -> VoxelStatistics:
    """Occupied voxels and what their surface points look like."""
    index = voxel_indices(positions, resolution)
    batch = torch.arange(positions.shape[0], device=positions.device)[:, None].expand(index.shape[:2])
    key = ((batch * resolution + index[..., 0]) * resolution + index[..., 1]) * resolution + index[..., 2]
    keys, owner = torch.unique(key.flatten(), return_inverse=True)
    count = torch.zeros(len(keys), device=positions.device).index_add_(
        0, owner, torch.ones_like(owner, dtype=torch.float)
    )

    def mean(values: Tensor) -> Tensor:
        total = torch.zeros(len(keys), values.shape[-1], device=values.device).index_add_(0, owner, values)
        return total / count[:, None]

    offset = ((positions.float() + 0.5) * resolution - index - 0.5).flatten(0, 1) * 2
    color = colors.flatten(0, 1) * 2 - 1
    mean_color, mean_offset, mean_normal = mean(color), mean(offset), mean(normals.float().flatten(0, 1))
    color_rest, offset_rest = color - mean_color[owner], offset - mean_offset[owner]
    deviation = mean(color_rest**2).clamp_min(0).sqrt()
    x, y, z = offset_rest.unbind(-1)
    moments = mean(torch.stack([x * x, y * y, z * z, x * y, y * z, z * x], -1))
    correlation = mean((color_rest[:, :, None] * offset_rest[:, None, :]).flatten(1)) * 4
    features = torch.cat(
        [mean_color, mean_offset, mean_normal, deviation, moments, correlation, count.log()[:, None] / 4], -1
    )
    r = resolution
    coords = torch.stack([keys // r**3, keys // r**2 % r, keys // r % r, keys % r], -1).int()
    return VoxelStatistics(coords=coords, features=features)
