"""The miner's picture tasks, as its client sends them, on a real server with stand-in models."""

import asyncio
import re
from pathlib import Path

import aiohttp
import pytest

from tests.gateway.test_pictures_in import picture, text_of
from tests.ply_reader import main_color
from tests.serving import free_port, placeholder_weights, running_server, small_environment
from tests.stand_ins.fakes import color_of

# aiohttp warns of bodies above a megabyte that are bytes, which the miner's are.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")]


async def post(session: aiohttp.ClientSession, url: str, data: object) -> tuple[int, bytes]:
    """The miner's call."""
    async with session.post(f"{url}/generate/", data=data, allow_redirects=False) as reply:
        return reply.status, await reply.read()


async def test_the_miners_picture_tasks_and_text_tasks_are_served_together(server: str) -> None:
    form = aiohttp.FormData()
    form.add_field("prompt_image_file", picture("lamp"), filename="a.png", content_type="image/png")
    tasks: list[tuple[str, object]] = [
        ("small chair", {"prompt": text_of(picture("small chair", 75_000))}),
        ("large chair", {"prompt": text_of(picture("large chair", 2_250_000))}),
        ("lamp", form),
        *[(name, {"prompt": name}) for name in ("red mug", "blue mug", "green mug")],
    ]
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        replies = await asyncio.gather(*(post(session, server, data) for _, data in tasks))
    for (name, _), (status, ply) in zip(tasks, replies, strict=True):
        assert status == 200, name
        assert main_color(ply) == pytest.approx(color_of(name), abs=1e-5)


async def test_fifty_of_the_largest_bodies_at_once_stay_bounded() -> None:
    """Its server is its own, because the most memory that a process ever had is never forgotten."""
    body = text_of(bytes(7_500_000))  # no picture, and so no request that is admitted
    settings = small_environment(placeholder_weights())
    with running_server(settings, port=free_port()) as (url, process):
        before = peak_bytes(process.pid)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as session:
            replies = await asyncio.gather(*(post(session, url, {"image_b64": body}) for _ in range(50)))
        grown = peak_bytes(process.pid) - before
    assert {status for status, _ in replies} <= {422, 503}
    assert 422 in {status for status, _ in replies}
    assert grown < 400 * 2**20, grown


def peak_bytes(first: int) -> int:
    """The most memory that a service's processes ever had, summed."""
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    return sum(_peak(int(child)) for child in children)


def _peak(process: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) * 1024 if found else 0
