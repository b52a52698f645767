"""Noise that belongs to a request: drawn on the CPU from the request's own seed.

So a result depends on neither its batch mates nor the device. One generator serves a request through all
stages.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from models.transfer import to_device_async


def request_generator(seed: int) -> torch.Generator:
    """The generator of one request."""
    return torch.Generator("cpu").manual_seed(seed)


def stacked_noise(
    generators: Sequence[torch.Generator], shape: Sequence[int], device: torch.device
) -> Float[Tensor, "requests ..."]:
    """Standard normal noise of one shape, one item a request."""
    return to_device_async(
        torch.cat([torch.randn(1, *shape, generator=generator) for generator in generators]), device
    )


def voxel_noise(
    generators: Sequence[torch.Generator], counts: Sequence[int], channels: int
) -> Float[Tensor, "voxels channels"]:
    """Standard normal noise on each request's voxels, on the host."""
    draws = zip(generators, counts, strict=True)
    return torch.cat([torch.randn(n, channels, generator=generator) for generator, n in draws])
