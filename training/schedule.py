"""What the trainings share: time budgets, learning-rate schedule, moving average of weights."""

import copy
import math
import time
from typing import Generic, TypeVar

import torch
from torch import nn

WARM_UP_STEPS = 200


class Budget:
    """Ends a loop after some seconds, or after a number of steps when that is given (smoke runs).

    Raises:
        ValueError: Captions and pictures took all the time, so that nothing would be trained.
    """

    def __init__(self, seconds: float, max_steps: int | None = None) -> None:
        if seconds <= 0 and max_steps is None:
            raise ValueError(f"{-seconds:.0f} s too few for what comes before the training: more --minutes")
        self._seconds = max(seconds, 1e-3)
        self._max_steps = max_steps
        self._started = time.monotonic()

    def progress(self, step: int) -> float:
        """Share spent, 0 to 1."""
        if self._max_steps is not None:
            return min(1.0, step / self._max_steps)
        return min(1.0, (time.monotonic() - self._started) / self._seconds)

    def spent(self, step: int) -> bool:
        return self.progress(step) >= 1.0


def set_learning_rate(optimizer: torch.optim.Optimizer, peak: float, progress: float, step: int) -> None:
    """Linear warm-up over steps, then a cosine over the budget down to 2 % of the peak."""
    cosine = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress))
    for group in optimizer.param_groups:
        group["lr"] = peak * cosine * min(1.0, (step + 1) / WARM_UP_STEPS)


M = TypeVar("M", bound=nn.Module)


class Average(Generic[M]):
    """An exponential moving average of a module's parameters; young averages forget faster."""

    def __init__(self, module: M, decay: float) -> None:
        self.module: M = copy.deepcopy(module).eval().requires_grad_(False)
        self._decay = decay
        self._updates = 0

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        self._updates += 1
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        ours: list[torch.Tensor] = list(self.module.parameters())
        theirs: list[torch.Tensor] = list(module.parameters())
        torch._foreach_lerp_(ours, theirs, 1 - decay)
