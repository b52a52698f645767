"""Times the stages of a model on a device's own clock, without holding up the host between them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class StageClock:
    """Seconds per stage; a stage that runs again adds up."""

    def __init__(self, device: torch.device, seconds: dict[str, float] | None = None) -> None:
        """Nothing is measured yet.

        Args:
            device: Where the stages run.
            seconds: Receives them: when a stage ends or, on a GPU, when they are read.
        """
        self._on_gpu = device.type == "cuda"
        self._seconds: dict[str, float] = {} if seconds is None else seconds
        self._marks: list[tuple[str, torch.cuda.Event, torch.cuda.Event]] = []

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Measures what the block does, or lets a GPU do."""
        if self._on_gpu:
            first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            first.record()
            yield
            last.record()
            self._marks.append((stage, first, last))
        else:
            started = time.perf_counter()
            yield
            self._add(stage, time.perf_counter() - started)

    def read(self) -> dict[str, float]:
        """Waits for a GPU's stages; gives what was measured so far."""
        for stage, first, last in self._marks:
            last.synchronize()
            self._add(stage, first.elapsed_time(last) / 1000)
        self._marks.clear()
        return dict(self._seconds)

    def _add(self, stage: str, seconds: float) -> None:
        self._seconds[stage] = self._seconds.get(stage, 0.0) + seconds
