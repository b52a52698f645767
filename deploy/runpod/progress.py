"""Telling RunPod which stage a job is in."""

import asyncio
import os
from collections.abc import Mapping
from typing import Any

import httpx

PERIOD_SECONDS = 0.25
WEBHOOK = "RUNPOD_WEBHOOK_POST_OUTPUT"  # set in a worker; nobody listens to progress elsewhere


async def follow(client: httpx.AsyncClient, url: str, job: Mapping[str, Any]) -> None:
    """Sends an update for every stage that the job's request enters, until cancelled."""
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
            for stage in stages[seen:]:
                runpod.serverless.progress_update(dict(job), {"stage": stage})
            seen = max(seen, len(stages))
