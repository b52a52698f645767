"""Ways in which an object can be spoilt, for measuring whether validation notices."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from models.gaussians.gaussians import Gaussians

FLOATERS, HOLES = 0.05, 6  # share of the splats; number of balls
HOLE_RADIUS, CARD = 0.18, 0.02  # of the object's extent; thickness of a card over the object's own


def floaters(splats: Gaussians, other: Gaussians, seed: int) -> Gaussians:
    """A twentieth of the splats lies anywhere around the object."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(splats.num_splats, generator=generator)[: int(FLOATERS * splats.num_splats)]
    means = splats.means.clone()
    low, high = _box(splats)
    means[chosen] = low + (high - low).max() * torch.rand(len(chosen), 3, generator=generator)
    return replace(splats, means=means)


def holes(splats: Gaussians, other: Gaussians, seed: int) -> Gaussians:
    """Balls are cut out of it."""
    generator = torch.Generator().manual_seed(seed)
    low, high = _box(splats)
    centers = splats.means[torch.randperm(splats.num_splats, generator=generator)[:HOLES]]
    far = torch.cdist(splats.means, centers).amin(dim=1) > HOLE_RADIUS * float((high - low).max())
    return splats.select(far)


def half(splats: Gaussians, other: Gaussians, seed: int) -> Gaussians:
    """What lies on one side of its middle is missing."""
    return splats.select(splats.means[:, seed % 2] > splats.means[:, seed % 2].median())


def inside_out(splats: Gaussians, other: Gaussians, seed: int) -> Gaussians:
    """What was far from the middle is near, and the other way round."""
    low, high = _box(splats)
    arms = splats.means - (low + high) / 2
    reach = arms.norm(dim=1, keepdim=True)
    return replace(splats, means=arms / reach.clamp_min(1e-6) * (reach.max() - reach))


def two_objects(splats: Gaussians, other: Gaussians, seed: int) -> Gaussians:
    """Another object stands beside it."""
    beside = other.means + torch.tensor([1.6, 0.0, 0.0])
    moved = replace(other, means=beside)
    names = ("means", "scales", "quats_wxyz", "opacities", "colors")
    return Gaussians(**{n: torch.cat([getattr(splats, n), getattr(moved, n)]) for n in names})


def card(splats: Gaussians, other: Gaussians, seed: int) -> Gaussians:
    """It is pressed flat."""
    flat = torch.tensor([1.0, 1.0, CARD])
    return replace(splats, means=splats.means * flat)


def _box(splats: Gaussians) -> tuple[Float[Tensor, "3"], Float[Tensor, "3"]]:
    low, high = splats.means.aminmax(dim=0)
    return low, high


CORRUPTIONS: Mapping[str, Callable[[Gaussians, Gaussians, int], Gaussians]] = {
    "floaters": floaters,
    "holes": holes,
    "half": half,
    "inside_out": inside_out,
    "two_objects": two_objects,
    "card": card,
}
