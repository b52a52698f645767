"""Calls without work that train BentoML's batchers: new ones hold lone requests back."""

import asyncio
from collections.abc import Sequence
from typing import Any

from gateway.stages import Stage
from runners.stages import job_of

BURSTS = (1,) * 9 + (2, 3, 4)


async def warm_batcher(stage: Stage[Any, Any], *, bursts: Sequence[int] = BURSTS) -> None:
    """Sends the no-ops that train the batcher of each method."""
    noop = job_of(stage.name)(noop=True)

    async def train(method: str) -> None:
        for size in bursts:
            await asyncio.gather(*(stage.call(noop, method) for _ in range(size)))

    await asyncio.gather(*map(train, stage.methods))
