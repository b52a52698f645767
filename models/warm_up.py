"""A first run of every 3D stage, for fast paths that compile when they are first called."""

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from models.image_to_3d import ImageTo3D, SamplerSettings
from models.sampling import request_generator

GREY = 128


def warm_up(
    model: ImageTo3D, batch_size: int, *, structure: SamplerSettings, latents: SamplerSettings
) -> None:
    """Runs a batch of made-up objects, each of another size, whatever structure the flow finds.

    The samplers should be those of the requests: steps with and without guidance are different shapes.
    """
    generators = [request_generator(seed) for seed in range(batch_size)]
    side = model.image_encoder.image_size
    cond = model.encode_image([np.full((side, side, 3), GREY, np.uint8)] * batch_size)
    model.sample_structure(cond, generators, structure)
    resolution = model.stages.latent_flow.config.resolution
    voxels = [cube(resolution // 4 + i, resolution).to(model.device) for i in range(batch_size)]
    model.decode_gaussians(model.sample_latents(cond, voxels, generators, latents))


def cube(side: int, resolution: int) -> Int[Tensor, "voxels 3"]:
    """Voxels (x, y, z) of a full cube in the middle of the grid."""
    first = (resolution - side) // 2
    axis = torch.arange(first, first + side, dtype=torch.int32)
    return torch.cartesian_prod(axis, axis, axis)
