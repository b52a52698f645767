"""Euler's method for rectified flows, with guidance inside an interval of times.

x <- x - (t - t') v(x, t)
"""

from collections.abc import Iterator
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from models.sampling.fields import VelocityField
from models.sampling.schedule import SamplerSettings, Step, schedule
from models.stopping import between_steps

SIGMA_MIN = 1e-5


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
) -> Iterator[SampleStep]:
    """All steps from noise, of unit deviation, to data."""
    x = settings.noise_scale * noise
    for step in schedule(settings):
        between_steps()
        velocity = _velocity(field, x, step)
        after = x - (step.time - step.next_time) * velocity
        yield SampleStep(step=step, before=x, velocity=velocity, after=after)
        x = after


def sample(
    field: VelocityField,
    noise: Float[Tensor, "*state"],
    settings: SamplerSettings,
) -> Float[Tensor, "*state"]:
    """Data from noise."""
    x = noise
    for step in trajectory(field, noise, settings):
        x = step.after
    return x


def _velocity(field: VelocityField, x: Tensor, step: Step) -> Tensor:
    if step.guidance == 0:
        return field.conditional(x, step.index)
    conditional, unconditional = field.guided(x, step.index)
    return (1 + step.guidance) * conditional - step.guidance * unconditional
