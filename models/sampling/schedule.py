"""When a sampler evaluates the flow, and where it is guided.

Times run from 1 (noise) to 0 (data): t = linspace(1, 0, steps + 1), then t <- r t / (1 + (r - 1) t) with r =
rescale_t, which spends more steps near the noise.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

TIME_SCALE = 1000.0  # the flow models take 1000 t


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerSettings:
    """How one stage is sampled.

    Attributes:
        steps: Euler steps.
        cfg_strength: Weight w of guidance, v = (1 + w) v_cond - w v_uncond; 0 switches it off.
        cfg_interval: Times, ends included, at which guidance acts.
        rescale_t: Time warp r; 1 is uniform.
        noise_scale: Deviation of the noise it starts from; below 1 samples are smoother and vary less.
    """

    steps: int
    cfg_strength: float = 0.0
    cfg_interval: tuple[float, float] = (0.0, 1.0)
    rescale_t: float = 1.0
    noise_scale: float = 1.0

    def __post_init__(self) -> None:
        low, high = self.cfg_interval
        if self.steps < 1 or min(self.rescale_t, self.noise_scale) <= 0 or not 0 <= low <= high <= 1:
            raise ValueError(f"steps >= 1, scales > 0 and 0 <= interval <= 1 are required: {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One Euler step from `time` to `next_time`, with guidance of strength `guidance` (0: none)."""

    index: int
    time: float
    next_time: float
    guidance: float


def times(settings: SamplerSettings) -> list[float]:
    """The steps + 1 times, descending from 1 to 0, in float64."""
    t = np.linspace(1, 0, settings.steps + 1)
    warped: list[float] = (settings.rescale_t * t / (1 + (settings.rescale_t - 1) * t)).tolist()
    return warped


def schedule(settings: SamplerSettings) -> list[Step]:
    """All steps in order."""
    low, high = settings.cfg_interval
    moments = times(settings)
    return [
        Step(
            index=index,
            time=time,
            next_time=next_time,
            guidance=settings.cfg_strength if low <= time <= high else 0.0,
        )
        for index, (time, next_time) in enumerate(pairwise(moments))
    ]
