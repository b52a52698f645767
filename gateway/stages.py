"""Calling the runners, one job at a time and a bounded number at once."""

import asyncio
import copy
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import aiohttp

from gateway.metrics import STAGE_SECONDS
from gateway.progress import enter
from runners.messages import Failure, Job, Result, Status

J = TypeVar("J", bound=Job)
R = TypeVar("R", bound=Result)

STALE_CONNECTION_SECONDS = 0.01


class StageFailedError(Exception):
    """One job has no result.

    Attributes:
        stage: Where.
        failure: Why.
    """

    def __init__(self, stage: str, failure: Failure) -> None:
        self.stage = stage
        self.failure = failure
        super().__init__(f"{stage}: {failure.kind}: {failure.detail}")


class Stopwatch:
    """Collects the time of stages; a stage that runs again adds up."""

    def __init__(self) -> None:
        """Starts the total."""
        self._started = time.perf_counter()
        self._seconds: dict[str, float] = {}

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

    def header(self) -> str:
        """As the value of `Server-Timing`, in ms."""
        total = time.perf_counter() - self._started
        parts = [*self._seconds.items(), ("total", total)]
        return ", ".join(f"{name};dur={seconds * 1e3:.1f}" for name, seconds in parts)


class Stage(Generic[J, R]):
    """One runner as seen from the gateway."""

    def __init__(
        self, name: str, runner: Any, *, concurrency: int, methods: Sequence[str] = ("generate",)
    ) -> None:
        """Wraps a dependency.

        Args:
            name: In `Server-Timing` and messages.
            runner: What `bentoml.depends` gives.
            concurrency: Jobs in flight at most; more would only make its batcher hold lone requests back.
            methods: The runner's batched methods for this stage; a job takes the least busy one.
        """
        self.name = name
        self._runner = runner
        self._jobs = dict.fromkeys(methods, 0)  # in flight, by method
        self._slots = asyncio.Semaphore(concurrency)

    @property
    def methods(self) -> tuple[str, ...]:
        """The runner's batched methods for this stage."""
        return tuple(self._jobs)

    def called(self, name: str) -> "Stage[J, R]":
        """The same runner and places under another name, for another kind of job."""
        other: Stage[J, R] = copy.copy(self)
        other.name = name
        return other

    async def run(self, job: J, watch: Stopwatch) -> R:
        """The job's result.

        Raises:
            StageFailedError: The runner reported a failure for this job.
        """
        with watch.measure(self.name), STAGE_SECONDS.labels(self.name).time():
            async with self._slots:
                with self._method() as method:
                    result = await self.call(job, method)
        for step, seconds in result.timings.items():
            watch.add(f"{self.name}.{step}", seconds)
        if result.failure is not None:
            raise StageFailedError(self.name, result.failure)
        return result

    @contextmanager
    def _method(self) -> Iterator[str]:
        method = min(self._jobs, key=self._jobs.__getitem__)
        self._jobs[method] += 1
        try:
            yield method
        finally:
            self._jobs[method] -= 1

    async def call(self, job: J, method: str) -> R:
        """The answer of one of the runner's methods, failure or not."""
        started = time.perf_counter()
        try:
            results: list[R] = await getattr(self._runner.to_async, method)([job])
        except aiohttp.ServerDisconnectedError:
            # At once: a connection that idled until the runner closed it. Later: the runner died at work.
            if time.perf_counter() - started > STALE_CONNECTION_SECONDS:
                raise
            results = await getattr(self._runner.to_async, method)([job])
        assert len(results) == 1, f"{self.name} answered {len(results)} results for one job"
        return results[0]

    async def status(self) -> Status:
        """Which process answers."""
        status: Status = await self._runner.to_async.status()
        return status
