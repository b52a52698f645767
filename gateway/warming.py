"""Calls without work that train BentoML's batchers: new ones hold lone requests back."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.stages import Stage
from runners.messages import ImageJob, Job, JudgeJob, MatteJob, SplatJob, VideoJob

BURSTS = (1,) * 9 + (2, 3, 4)
NOOPS: Mapping[str, Job] = {
    "text_to_image": ImageJob(noop=True),
    "matting": MatteJob(noop=True),
    "image_to_3d": SplatJob(noop=True),
    "validation": JudgeJob(noop=True),
    "video": VideoJob(noop=True),
}


async def warm_batcher(stage: Stage[Any, Any], *, bursts: Sequence[int] = BURSTS) -> None:
    """Sends the no-ops that train the batcher of each method."""
    for size in bursts:
        for method in stage.methods:
            await asyncio.gather(*(stage.call(NOOPS[stage.name], method) for _ in range(size)))
