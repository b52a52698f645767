"""Updates of a job's stage are in order, and over before its result is told."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from deploy.runpod import progress


async def test_no_update_is_on_its_way_once_a_job_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(progress.WEBHOOK, "https://platform.example")
    monkeypatch.setattr(progress, "PERIOD_SECONDS", 0.01)
    stages, told, sending = ["text_to_image"], list[str](), asyncio.Event()

    async def send(job: Mapping[str, Any], stage: str) -> None:
        sending.set()
        await asyncio.sleep(0.2)
        told.append(f"{job['id']} {stage}")

    answer = httpx.MockTransport(lambda request: httpx.Response(200, json={"stages": stages}))
    ended = asyncio.Event()
    async with httpx.AsyncClient(transport=answer) as client:
        watcher = asyncio.create_task(
            progress.follow(client, "http://service", {"id": "j"}, ended, send=send)
        )
        await sending.wait()
        stages.append("matting")
        ended.set()
        await watcher
    assert told == ["j text_to_image"]


async def test_nobody_listens_outside_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(progress.WEBHOOK, raising=False)
    async with httpx.AsyncClient() as client:
        await progress.follow(client, "http://service", {"id": "j"}, asyncio.Event())
