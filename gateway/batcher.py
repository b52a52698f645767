"""All that the gateway does because BentoML gathers a runner's jobs into batches (see `runners.batching`).

A new batcher holds lone requests back during its first dozen calls: no-ops train it. And it has one batch of
a method in work at a time: where batches may overlap there are two methods, which take jobs in turns.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from runners.jobs import Job

BURSTS = (1,) * 9 + (2, 3, 4)
EVERY_JOB: Mapping[type[Job], tuple[str, ...]] = {Job: ("generate",)}


class Methods:
    """A runner's methods by the jobs that they take, and how many calls of each are in flight."""

    def __init__(self, by_job: Mapping[type[Job], tuple[str, ...]] = EVERY_JOB) -> None:
        """Takes the names; several take the same jobs where their batches may overlap."""
        self._by_job = by_job
        self._in_flight: Counter[str] = Counter()

    @contextmanager
    def least_busy(self, job: Job) -> Iterator[str]:
        """The method to call for a job, inside the block."""
        able = next(methods for kind, methods in self._by_job.items() if isinstance(job, kind))
        method = min(able, key=self._in_flight.__getitem__)
        self._in_flight[method] += 1
        try:
            yield method
        finally:
            self._in_flight[method] -= 1

    async def train(
        self, call: Callable[[Job, str], Awaitable[object]], *, bursts: Sequence[int] = BURSTS
    ) -> None:
        """Sends the no-ops that train the batcher of each method; those of several methods at once.

        Args:
            call: Sends a job to a method.
            bursts: How many come together, one burst after the other.
        """

        async def train_one(noop: Job, method: str) -> None:
            for size in bursts:
                await asyncio.gather(*(call(noop, method) for _ in range(size)))

        noops = [(job(noop=True), method) for job, methods in self._by_job.items() for method in methods]
        await asyncio.gather(*(train_one(*noop) for noop in noops))
