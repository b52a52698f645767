"""A first run of every 3D stage, for fast paths that build kernels and record when they are first called."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from models.fast.trellis.padding import MAX_WARM_RATIO, PaddedSize, sizes
from models.sampling import SamplerSettings, request_generator
from models.trellis.image_to_3d import ImageTo3D

GREY = 128
SLACK = 3  # rows that a warm-up object leaves empty, so that padding runs too


def warm_up(
    model: ImageTo3D, batch_size: int, *, structure: SamplerSettings, latents: SamplerSettings
) -> None:
    """Runs a batch of made-up objects of every padded size, whatever structure the flow finds.

    The samplers' guidance should be that of the requests: steps with and without it are different shapes.
    """
    generators = [request_generator(seed) for seed in range(batch_size)]
    side = model.networks.image_size
    cond = model.encode_image([np.full((side, side, 3), GREY, np.uint8)] * batch_size)
    model.sample_structure(cond, generators, structure)
    few = replace(latents, steps=2, rescale_t=1.0, cfg_interval=(0.75, 1.0))  # one step guided, one not
    resolution = model.networks.modules.latent_flow.config.resolution
    for size in reversed(sizes_of(model)):  # later ones fit into the largest one's memory
        voxels = [ball(size, resolution).to(model.device)] * batch_size
        with torch.no_grad():
            field = model.networks.latent_field(cond, few)
        model.decode_gaussians(model.sample_latents(field, voxels, generators, few))


def sizes_of(model: ImageTo3D) -> list[PaddedSize]:
    """One object for each padded size, hardly smaller; a single small one where nothing is recorded."""
    recorded = model.networks.recorded_voxels
    cells = (model.networks.modules.latent_flow.config.resolution // 2) ** 3
    if not recorded:
        return [PaddedSize(tokens=cells // 32, voxels=cells // 8)]
    largest = min(model.max_voxels or 8 * cells, 8 * cells, recorded)
    objects = []
    for size in sizes(largest, MAX_WARM_RATIO):
        tokens = min(size.tokens, cells) - SLACK
        objects.append(PaddedSize(tokens=tokens, voxels=min(size.voxels, largest, 8 * tokens) - SLACK))
    return objects


def ball(size: PaddedSize, resolution: int) -> Int[Tensor, "voxels 3"]:
    """So many voxels in so many tokens around the grid's centre, in lexicographic order.

    Of a token's eight places the first ones are filled, in some tokens one more than in the others.
    """
    side = resolution // 2
    axis = torch.arange(side, dtype=torch.int32)
    cells = torch.cartesian_prod(axis, axis, axis)
    nearest = cells[((cells - (side - 1) / 2).square().sum(dim=1)).argsort(stable=True)[: size.tokens]]
    places = torch.cartesian_prod(*[torch.arange(2, dtype=torch.int32)] * 3)
    filled, extra = divmod(size.voxels, size.tokens)
    parts = [nearest[:, None] * 2 + places[:filled], nearest[:extra, None] * 2 + places[filled : filled + 1]]
    voxels = torch.cat([part.flatten(0, 1) for part in parts])
    keys = (voxels[:, 0] * resolution + voxels[:, 1]) * resolution + voxels[:, 2]
    return voxels[keys.argsort()]
