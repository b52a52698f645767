"""What every training script shares: a time budget, a learning-rate curve, weight averaging, checkpoints."""

import copy
import logging
import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

logger = logging.getLogger(__name__)
M = TypeVar("M", bound=nn.Module)


class Budget:
    """Ends a loop after some seconds, or after a number of steps when that is given (smoke runs).

    Raises:
        ValueError: What comes before took all the time, so that nothing would be trained.
    """

    def __init__(self, seconds: float, max_steps: int | None = None) -> None:
        if seconds <= 0 and max_steps is None:
            raise ValueError(f"{-seconds:.0f} s too few for what comes before the training: more --minutes")
        self._seconds = max(seconds, 1e-3)
        self._max_steps = max_steps
        self._started = time.perf_counter()

    def progress(self, step: int) -> float:
        """Share spent, 0 to 1."""
        if self._max_steps is not None:
            return min(1.0, step / self._max_steps)
        return min(1.0, (time.perf_counter() - self._started) / self._seconds)


class TimedLoop:
    """Steps until a budget is spent; learning rates follow a warm-up and a cosine over the budget.

    Iterating yields step numbers. Call `log` each step; it prints every `log_seconds`.
    """

    def __init__(
        self,
        name: str,
        budget: Budget,
        optimizer: torch.optim.Optimizer,
        *,
        warm_up_steps: int = 100,
        log_seconds: float = 20.0,
    ) -> None:
        self.name = name
        self.budget = budget
        self.optimizer = optimizer
        self.warm_up_steps = warm_up_steps
        self.log_seconds = log_seconds
        self.base_rates = [group["lr"] for group in optimizer.param_groups]
        self.started = time.perf_counter()
        self.last_log = self.started
        self.step = 0

    @property
    def progress(self) -> float:
        """Share of the budget that is spent, 0 to 1."""
        return self.budget.progress(self.step)

    def __iter__(self) -> Iterator[int]:
        while self.progress < 1.0:
            factor = rate_factor(self.progress, self.step, self.warm_up_steps)
            for group, rate in zip(self.optimizer.param_groups, self.base_rates, strict=True):
                group["lr"] = rate * factor
            yield self.step
            self.step += 1
        logger.info(
            "%s: done after %d steps, %.0f s", self.name, self.step, time.perf_counter() - self.started
        )

    def log(self, values: Mapping[str, Tensor | float]) -> None:
        """Print the values, if it is time."""
        now = time.perf_counter()
        if now - self.last_log < self.log_seconds and self.step != 0:
            return
        self.last_log = now
        shown = " ".join(f"{key}={_number(value):.4f}" for key, value in values.items())
        rate = (self.step + 1) / (now - self.started)
        logger.info("%s step %d (%.0f %%, %.1f/s) %s", self.name, self.step, 100 * self.progress, rate, shown)


def _number(value: Tensor | float) -> float:
    return float(value.detach()) if isinstance(value, Tensor) else value


def rate_factor(progress: float, step: int, warm_up_steps: int) -> float:
    """Linear warm-up, then a cosine from 1 to 0.02."""
    warmup = min((step + 1) / warm_up_steps, 1.0)
    return warmup * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))


class Average:
    """Exponential moving average of the parameters and buffers of some modules, in float32."""

    def __init__(self, modules: Mapping[str, nn.Module], decay: float = 0.998) -> None:
        self.modules = dict(modules)
        self.decay = decay
        self.shadow = {key: value.detach().float().clone() for key, value in self._tensors()}

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        for name, module in self.modules.items():
            for key, value in module.state_dict().items():
                yield f"{name}/{key}", value

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average towards the present values; early on it follows faster."""
        decay = min(self.decay, (1 + step) / (10 + step))
        pairs = list(self._tensors())
        floating = [(self.shadow[key], value) for key, value in pairs if value.is_floating_point()]
        torch._foreach_lerp_([s for s, _ in floating], [v.float() for _, v in floating], 1 - decay)
        for key, value in pairs:
            if not value.is_floating_point():
                self.shadow[key].copy_(value)

    def state_dict(self, name: str) -> dict[str, Tensor]:
        """The averaged state of one module."""
        prefix = f"{name}/"
        return {key[len(prefix) :]: value for key, value in self.shadow.items() if key.startswith(prefix)}

    def copy_of(self, name: str, module: M) -> M:
        """A frozen copy of one of the modules that has its averaged values."""
        averaged = copy.deepcopy(module).eval().requires_grad_(False)
        averaged.load_state_dict(self.state_dict(name))
        return averaged


def save_half(path: Path, state: Mapping[str, Tensor]) -> None:
    """Write floating tensors in half precision (safetensors), others as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = {k: (v.half() if v.is_floating_point() else v).contiguous().cpu() for k, v in state.items()}
    partial = path.with_suffix(".partial")
    save_file(half, partial)
    partial.replace(path)


def load_matching(module: nn.Module, path: Path) -> None:
    """Strictly load a file written by `save_half` into a module of any precision."""
    module.load_state_dict(load_file(path))


def clip_and_step(
    optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter], limit: float = 1.0
) -> None:
    """Clip the gradient's norm, step, clear."""
    torch.nn.utils.clip_grad_norm_(parameters, limit)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
