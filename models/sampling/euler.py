"""Euler's method for rectified flows, with guidance inside an interval of times.

x <- x - (t - t') v(x, t)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import torch
from jaxtyping import Float
from torch import Tensor

from models.sampling.fields import VelocityField
from models.sampling.schedule import SamplerSettings, Step, schedule
from models.stopping import between_steps

SIGMA_MIN = 1e-5


class MultiImage(Enum):
    """How several images of one object condition its sampling, without training for it."""

    STOCHASTIC = "stochastic"  # step k uses image k mod n
    MULTIDIFFUSION = "multidiffusion"  # every step uses the mean of the images' velocities


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleStep:
    """The state after a step, and the velocity that led there."""

    step: Step
    before: Float[Tensor, "*state"]
    velocity: Float[Tensor, "*state"]
    after: Float[Tensor, "*state"]

    @property
    def clean_estimate(self) -> Float[Tensor, "*state"]:
        """The data that this velocity points at, for previews."""
        noise_share = SIGMA_MIN + (1 - SIGMA_MIN) * self.step.time
        return (1 - SIGMA_MIN) * self.before - noise_share * self.velocity


def trajectory(
    field: VelocityField,
    noise: Float[Tensor, "*state"],
    settings: SamplerSettings,
    multi_image: MultiImage = MultiImage.STOCHASTIC,
) -> Iterator[SampleStep]:
    """All steps from noise, of unit deviation, to data."""
    x = settings.noise_scale * noise
    for step in schedule(settings):
        between_steps()
        velocity = _velocity(field, x, step, multi_image)
        after = x - (step.time - step.next_time) * velocity
        yield SampleStep(step=step, before=x, velocity=velocity, after=after)
        x = after


def sample(
    field: VelocityField,
    noise: Float[Tensor, "*state"],
    settings: SamplerSettings,
    multi_image: MultiImage = MultiImage.STOCHASTIC,
) -> Float[Tensor, "*state"]:
    """Data from noise."""
    x = noise
    for step in trajectory(field, noise, settings, multi_image):
        x = step.after
    return x


def _velocity(field: VelocityField, x: Tensor, step: Step, multi_image: MultiImage) -> Tensor:
    first, *others = _images(field.num_images, step, multi_image)
    if step.guidance == 0:
        return _mean([field.conditional(x, step.index, image) for image in (first, *others)])
    conditional, unconditional = field.guided(x, step.index, first)
    conditional = _mean([conditional, *(field.conditional(x, step.index, image) for image in others)])
    return (1 + step.guidance) * conditional - step.guidance * unconditional


def _images(num_images: int, step: Step, multi_image: MultiImage) -> list[int]:
    if multi_image is MultiImage.STOCHASTIC:
        return [step.index % num_images]
    return list(range(num_images))


def _mean(velocities: list[Tensor]) -> Tensor:
    return velocities[0] if len(velocities) == 1 else torch.stack(velocities).mean(dim=0)
