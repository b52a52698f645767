"""How long the stages of a request took, and how long it may still take."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.progress import enter


class Stopwatch:
    """Collects the time of stages, a stage that runs again adds up, and knows how much is left."""

    def __init__(self, seconds: float = math.inf) -> None:
        """Starts the total; `seconds` from now the result is wanted."""
        self._limit = seconds
        self._started = time.perf_counter()
        self._seconds: dict[str, float] = {}
        self.cuts: dict[str, None] = {}  # what encoders did not read all of the prompt, each once

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Times the block, and tells who follows this request that it is entered."""
        enter(name)
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - started)

    def add(self, name: str, seconds: float) -> None:
        """Adds a time measured elsewhere."""
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    @property
    def remaining(self) -> float:
        """Seconds that are left."""
        return self._limit - (time.perf_counter() - self._started)

    def header(self) -> str:
        """As the value of `Server-Timing`, in ms."""
        total = time.perf_counter() - self._started
        parts = [*self._seconds.items(), ("total", total)]
        return ", ".join(f"{name};dur={seconds * 1e3:.1f}" for name, seconds in parts)
