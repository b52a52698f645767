"""Random voxels and parameters, and models small enough to be quick."""

from typing import TypeVar

import torch
from torch import Tensor, nn

from models.gaussians.decoder import GaussianDecoder, GaussianDecoderConfig, GaussianParametrization
from models.latents import LatentDecoderConfig, LatentFlow, LatentFlowConfig
from models.structure import StructureFlow, StructureFlowConfig

M = TypeVar("M", bound=nn.Module)


def random_voxels(*counts: int, box: tuple[int, int, int] = (12, 16, 9), seed: int = 0) -> Tensor:
    """Distinct unsorted coordinates (object, x, y, z) in a box, so many for each object."""
    generator = torch.Generator().manual_seed(seed)
    x, y, z = box
    objects = []
    for i, count in enumerate(counts):
        cells = torch.randperm(x * y * z, generator=generator)[:count]
        batch = torch.full_like(cells, i)
        objects.append(torch.stack([batch, cells // (y * z), cells // z % y, cells % z], dim=1))
    return torch.cat(objects).int()


def randomized(module: M) -> M:
    """All parameters drawn at random: nothing is left at zero or one, where mistakes could hide."""
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return module.eval()


def small_structure_flow() -> StructureFlow:
    config = StructureFlowConfig(
        resolution=4,
        in_channels=3,
        out_channels=3,
        model_channels=32,
        cond_channels=16,
        num_blocks=2,
        num_heads=2,
        patch_size=2,
    )
    return randomized(StructureFlow(config))


def small_latent_flow(*io_block_channels: int) -> LatentFlow:
    config = LatentFlowConfig(
        resolution=16,
        in_channels=4,
        out_channels=4,
        model_channels=32,
        cond_channels=16,
        num_blocks=2,
        num_heads=2,
        patch_size=2 ** len(io_block_channels),
        io_block_channels=io_block_channels,
    )
    return randomized(LatentFlow(config))


def small_gaussian_decoder() -> GaussianDecoder:
    trunk = LatentDecoderConfig(
        resolution=16, model_channels=24, latent_channels=4, num_blocks=3, num_heads=2, window_size=4
    )
    config = GaussianDecoderConfig(trunk=trunk, gaussians=GaussianParametrization(num_gaussians=4))
    return randomized(GaussianDecoder(config))
