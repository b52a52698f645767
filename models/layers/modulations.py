"""Modulations of a whole schedule: they depend on its times alone, so a flow that has learnt keeps them."""

from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from models.transfer import sent

KEPT_SCHEDULES = 8


class TimedFlow(Hashable, Protocol):
    """A flow model, as far as it depends on the time."""

    def modulations(self, t: Float[Tensor, " times"]) -> list[Float[Tensor, "times modulation"]]:
        """Every block's modulation at the given times."""
        ...


RunModulations = Callable[[TimedFlow, tuple[float, ...], torch.device], list[Tensor]]


def modulations_at(flow: TimedFlow, times: tuple[float, ...], device: torch.device) -> list[Tensor]:
    """Every block's modulations, a row for each time on the scale 0 to 1000."""
    return flow.modulations(sent(times, device))


def kept_modulations() -> RunModulations:
    """The same, computed once for each schedule; not for flows that are in training."""
    return lru_cache(maxsize=KEPT_SCHEDULES)(modulations_at)
