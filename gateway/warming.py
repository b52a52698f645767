"""Calls without work that train BentoML's batchers: new ones hold lone requests back."""

import asyncio
from collections.abc import Sequence
from typing import Any

from gateway.runner_client import RunnerClient
from runners.messages import Job

BURSTS = (1,) * 9 + (2, 3, 4)


async def warm_batcher(stage: RunnerClient[Any, Any], *, bursts: Sequence[int] = BURSTS) -> None:
    """Sends the no-ops that train the batcher of each method; those of several methods at once."""

    async def train(job: Job, method: str) -> None:
        for size in bursts:
            await asyncio.gather(*(stage.call(job, method) for _ in range(size)))

    noops = [(job(noop=True), method) for job, methods in stage.methods.items() for method in methods]
    await asyncio.gather(*(train(*noop) for noop in noops))
