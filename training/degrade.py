"""Spoiling splats on purpose, so that the judge learns what bad results look like.

Each object of a batch gets a severity 0..1 and one or more faults of that strength: floaters, holes, blur,
noise splats, rough surfaces, mixed-up colours, vanished parts, faint splats. Severity 0 leaves it
untouched.
"""

import torch
from jaxtyping import Float
from torch import Tensor

NUM_FAULTS = 7
CLEAN_SHARE = 0.45
CLEAN_SCORE, WORST_SCORE = 6.5, 2.0

Splats = tuple[Tensor, Tensor, Tensor, Tensor]


def draw_severities(count: int, generator: torch.Generator) -> Float[Tensor, "count"]:
    """About half clean objects, the rest spread evenly up to the worst."""
    severity = torch.rand(count, generator=generator)
    return torch.where(torch.rand(count, generator=generator) < CLEAN_SHARE, torch.zeros(count), severity)


def quality_of(severity: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """The rating 1..10 that the aesthetics head shall give."""
    return CLEAN_SCORE - (CLEAN_SCORE - WORST_SCORE) * severity.clamp(0, 1) ** 0.7


class Degrader:
    """Spoils successive batches with the severities it was given, in their order."""

    def __init__(self, severities: Float[Tensor, "scenes"], seed: int) -> None:
        self._severities = severities
        self._next = 0
        self._seed = seed

    def spoil(
        self,
        means: Float[Tensor, "batch points 3"],
        scales: Float[Tensor, "batch points 3"],
        opacities: Float[Tensor, "batch points"],
        colors: Float[Tensor, "batch points 3"],
    ) -> Splats:
        """The next batch's splats with their faults."""
        device, batch = means.device, means.shape[0]
        severity = self._severities[self._next : self._next + batch].to(device)
        generator = torch.Generator(device).manual_seed(self._seed + self._next)
        self._next += batch
        chosen = torch.rand(batch, NUM_FAULTS, device=device, generator=generator) < 0.3
        always = torch.randint(NUM_FAULTS, (batch,), device=device, generator=generator)
        chosen[torch.arange(batch, device=device), always] = True
        strength = chosen * severity[:, None]
        splats = (means.clone(), scales.clone(), opacities.clone(), colors.clone())
        splats = add_floaters(*splats, strength[:, 0], generator)
        splats = punch_holes(*splats, strength[:, 1], generator)
        splats = blur(*splats, strength[:, 2])
        splats = roughen(*splats, strength[:, 3], generator)
        splats = mix_colors(*splats, strength[:, 4], generator)
        splats = cut_away(*splats, strength[:, 5], generator)
        return fade(*splats, strength[:, 6], generator)


def add_floaters(
    means: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    strength: Tensor,
    generator: torch.Generator,
) -> Splats:
    """Some splats fly around the object, larger than before."""
    moved = random_like(opacities, generator) < 0.04 * strength[:, None]
    anywhere = torch.rand(means.shape, device=means.device, generator=generator) - 0.5
    means = torch.where(moved[..., None], anywhere * 1.2, means)
    grown = scales.clamp(min=0.004) * (1 + 4 * strength[:, None, None])
    return means, torch.where(moved[..., None], grown, scales), opacities, colors


def punch_holes(
    means: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    strength: Tensor,
    generator: torch.Generator,
) -> Splats:
    """Balls around surface points become empty."""
    for _ in range(4):
        center = random_points(means, generator)
        inside = (means - center[:, None]).norm(dim=-1) < 0.16 * strength[:, None]
        opacities = torch.where(inside, torch.zeros_like(opacities), opacities)
    return means, scales, opacities, colors


def blur(means: Tensor, scales: Tensor, opacities: Tensor, colors: Tensor, strength: Tensor) -> Splats:
    """Splats too large and too round."""
    amount = strength[:, None, None]
    rounder = scales + amount.clamp(max=1) * (scales.amax(-1, keepdim=True) - scales)
    return means, rounder * (1 + 3 * amount), opacities, colors


def roughen(
    means: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    strength: Tensor,
    generator: torch.Generator,
) -> Splats:
    """Positions and colours jitter."""
    amount = strength[:, None, None]
    means = means + 0.02 * amount * torch.randn(means.shape, device=means.device, generator=generator)
    colors = colors + 0.2 * amount * torch.randn(colors.shape, device=means.device, generator=generator)
    return means, scales, opacities, colors.clamp(0, 1)


def mix_colors(
    means: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    strength: Tensor,
    generator: torch.Generator,
) -> Splats:
    """Patches take a foreign colour."""
    for _ in range(3):
        center = random_points(means, generator)
        near = (means - center[:, None]).norm(dim=-1) < 0.22 * strength[:, None]
        foreign = torch.rand(means.shape[0], 1, 3, device=means.device, generator=generator)
        colors = torch.where(near[..., None], foreign.expand_as(colors), colors)
    return means, scales, opacities, colors


def cut_away(
    means: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    strength: Tensor,
    generator: torch.Generator,
) -> Splats:
    """Everything beyond a plane is missing, at most half of the object."""
    direction = torch.nn.functional.normalize(
        torch.randn(means.shape[0], 1, 3, device=means.device, generator=generator), dim=-1
    )
    depth = (means * direction).sum(-1)
    limit = depth.amax(1, keepdim=True) * (1 - strength[:, None])
    beyond = (depth > limit) & (strength[:, None] > 0)
    return means, scales, torch.where(beyond, torch.zeros_like(opacities), opacities), colors


def fade(
    means: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    strength: Tensor,
    generator: torch.Generator,
) -> Splats:
    """Splats are missing at random and the rest are thin."""
    kept = random_like(opacities, generator) >= 0.85 * strength[:, None]
    return means, scales, opacities * kept * (1 - 0.6 * strength[:, None]), colors


def random_like(values: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(values.shape, device=values.device, generator=generator)


def random_points(
    means: Float[Tensor, "batch points 3"], generator: torch.Generator
) -> Float[Tensor, "batch 3"]:
    """One of each object's own points."""
    index = torch.randint(means.shape[1], (means.shape[0],), device=means.device, generator=generator)
    return means[torch.arange(means.shape[0], device=means.device), index]
