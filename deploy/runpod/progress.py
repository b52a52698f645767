"""Telling RunPod which stage a job is in."""

import asyncio
import os
from collections.abc import Mapping
from typing import Any

import httpx

PERIOD_SECONDS = 0.25
WEBHOOK = "RUNPOD_WEBHOOK_POST_OUTPUT"  # set in a worker; nobody listens to progress elsewhere


async def follow(client: httpx.AsyncClient, url: str, job: Mapping[str, Any]) -> None:
    """Sends an update when the job's request has entered another stage, until cancelled.

    One at a time, of the latest stage: runpod sends each in a thread of its own, and those of one moment
    may arrive in any order.
    """
    if WEBHOOK not in os.environ:
        return
    import runpod

    seen = 0
    while True:
        await asyncio.sleep(PERIOD_SECONDS)
        try:
            reply = await client.get(f"{url}/progress/{job['id']}", timeout=5)
        except httpx.TransportError:  # the request itself will tell
            continue
        if reply.status_code == httpx.codes.OK:
            stages = reply.json()["stages"]
            if len(stages) > seen:
                runpod.serverless.progress_update(dict(job), {"stage": stages[-1]})
                seen = len(stages)
