"""Telling RunPod which stage a job is in."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import httpx

PERIOD_SECONDS = 0.25
LONGEST_SECONDS = 5.0  # of an update, for which a result may have to wait
WEBHOOK = "RUNPOD_WEBHOOK_POST_OUTPUT"  # set in a worker; nobody listens to progress elsewhere
Send = Callable[[Mapping[str, Any], str], Awaitable[None]]  # of the job and its stage


async def send_stage(job: Mapping[str, Any], stage: str) -> None:
    """Sends one update and waits for it.

    `runpod.serverless.progress_update` sends in a thread that nobody can wait for: an update of just before
    the result may arrive after it, and an ended job would be in progress again.
    """
    from runpod.http_client import AsyncClientSession
    from runpod.serverless.modules.rp_http import send_result

    async with AsyncClientSession() as session:
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_SECONDS):
                await send_result(session, {"status": "IN_PROGRESS", "output": {"stage": stage}}, dict(job))


async def follow(
    client: httpx.AsyncClient,
    url: str,
    job: Mapping[str, Any],
    ended: asyncio.Event,
    *,
    send: Send = send_stage,
) -> None:
    """Sends an update when the job's request has entered another stage, until it has ended.

    One at a time, of the latest stage, and none is on its way any more when this returns.
    """
    if WEBHOOK not in os.environ:
        return
    seen = 0
    while not await _comes(ended, PERIOD_SECONDS):
        try:
            reply = await client.get(f"{url}/progress/{job['id']}", timeout=LONGEST_SECONDS)
        except httpx.TransportError:  # the request itself will tell
            continue
        stages = reply.json()["stages"] if reply.status_code == httpx.codes.OK else []
        if len(stages) > seen and not ended.is_set():
            await send(job, stages[-1])
            seen = len(stages)


async def _comes(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
