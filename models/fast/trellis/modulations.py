"""Modulations of a whole schedule: they depend on its times alone, so a flow that has learnt keeps them."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from models.transfer import to_device_async

KEPT_SCHEDULES = 8


class TimedFlow(Protocol):
    """A flow model, as far as it depends on the time."""

    def modulations(self, t: Float[Tensor, " times"]) -> list[Float[Tensor, "times _modulation"]]:
        """Every block's modulation at the given times."""
        ...


KeptModulations = Callable[[tuple[float, ...], torch.device], Sequence[Tensor]]


def kept_modulations(flow: TimedFlow) -> KeptModulations:
    """Every block's modulations at some times (0 to 1000), computed once for each of the last schedules."""

    @lru_cache(maxsize=KEPT_SCHEDULES)
    def at(times: tuple[float, ...], device: torch.device) -> Sequence[Tensor]:
        return flow.modulations(to_device_async(times, device))

    return at
