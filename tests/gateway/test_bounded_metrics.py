"""`/metrics` answers in bounded time, however long the merge of all processes' metrics takes."""

import asyncio
import time
from collections.abc import Callable

from starlette.types import Message, Receive, Scope, Send

from gateway.bounded_metrics import BoundedMetrics

SCOPE: Scope = {"type": "http", "method": "GET", "path": "/metrics"}


class Metrics:
    """Metrics whose merges wait for the gate, and are counted."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.gate = asyncio.Event()
        self.merges = 0
        if is_open:
            self.gate.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.merges += 1
        number = self.merges
        await self.gate.wait()
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
        )
        await send({"type": "http.response.body", "body": f"merges {number}".encode()})


async def scrape(app: BoundedMetrics) -> tuple[bytes, dict[bytes, bytes], float]:
    """Body, headers and seconds of one scrape."""
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        messages.append(message)

    started = time.perf_counter()
    await app(SCOPE, receive, send)
    assert messages[0]["status"] == 200
    return messages[1]["body"], dict(messages[0]["headers"]), time.perf_counter() - started


async def until(condition: Callable[[], bool]) -> None:
    """Lets other tasks run until the condition holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (of somebody else's state)
            await asyncio.sleep(0)


async def test_a_quick_merge_is_always_fresh() -> None:
    app = BoundedMetrics(Metrics(), wait_seconds=5)
    assert [(await scrape(app))[0] for _ in range(3)] == [b"merges 1", b"merges 2", b"merges 3"]


async def test_a_slow_merge_gives_the_last_values_in_time_and_serves_the_next_scrape() -> None:
    metrics = Metrics()
    app = BoundedMetrics(metrics, wait_seconds=0.05)
    await scrape(app)
    metrics.gate.clear()
    for _ in range(2):  # both wait for the same merge
        body, headers, seconds = await scrape(app)
        assert (body, headers[b"age"]) == (b"merges 1", b"0")
        assert 0.04 < seconds < 5
    metrics.gate.set()
    assert [(await scrape(app))[0], metrics.merges] == [b"merges 2", 2]


async def test_scrapes_share_one_merge() -> None:
    metrics = Metrics(is_open=False)
    app = BoundedMetrics(metrics, wait_seconds=5)
    scrapes = asyncio.gather(*(scrape(app) for _ in range(5)))
    await until(lambda: metrics.merges == 1)
    metrics.gate.set()
    assert {body for body, _, _ in await scrapes} == {b"merges 1"}
    assert metrics.merges == 1


async def test_the_first_scrape_need_not_wait_when_values_are_kept_fresh() -> None:
    metrics = Metrics()
    app = BoundedMetrics(metrics, wait_seconds=0.05, refresh_seconds=30)
    keeping = asyncio.create_task(app.keep_fresh(None))
    await until(lambda: metrics.merges == 1)
    await asyncio.sleep(0.05)  # what was merged is kept
    metrics.gate.clear()
    body, _, seconds = await scrape(app)
    assert body == b"merges 1"
    assert seconds < 5
    keeping.cancel()


async def test_a_merge_that_fails_is_tried_again() -> None:
    class Failing(Metrics):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if self.merges == 0:
                self.merges += 1
                raise OSError("a metric file vanished")
            await super().__call__(scope, receive, send)

    metrics = Failing()
    app = BoundedMetrics(metrics, wait_seconds=5, refresh_seconds=0.01)
    keeping = asyncio.create_task(app.keep_fresh(None))
    await until(lambda: metrics.merges > 1)
    keeping.cancel()
    body, _, _ = await scrape(app)
    assert body.startswith(b"merges")
