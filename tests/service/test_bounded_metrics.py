"""`/metrics` answers in bounded time, however long the merge of all processes' metrics takes."""

import asyncio
import time

from starlette.types import Message, Receive, Scope, Send

from gateway.bounded_metrics import BoundedMetrics

SCOPE: Scope = {"type": "http", "method": "GET", "path": "/metrics"}


class SlowMetrics:
    """Metrics that take `seconds` to merge and count their merges."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.merges = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.merges += 1
        number = self.merges
        await asyncio.sleep(self.seconds)
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


async def test_a_quick_merge_is_always_fresh() -> None:
    app = BoundedMetrics(SlowMetrics(0.0), wait_seconds=5)
    assert [(await scrape(app))[0] for _ in range(3)] == [b"merges 1", b"merges 2", b"merges 3"]


async def test_a_slow_merge_gives_the_last_values_in_time_and_their_age() -> None:
    slow = SlowMetrics(0.0)
    app = BoundedMetrics(slow, wait_seconds=0.05)
    await scrape(app)
    slow.seconds = 1.2
    body, headers, seconds = await scrape(app)
    assert (body, headers[b"age"]) == (b"merges 1", b"0")
    assert seconds < 0.5
    await asyncio.sleep(1.3)
    body, headers, _ = await scrape(app)
    assert body == b"merges 1" or body == b"merges 2"
    await asyncio.sleep(1.3)


async def test_scrapes_share_one_merge() -> None:
    slow = SlowMetrics(0.2)
    app = BoundedMetrics(slow, wait_seconds=5)
    bodies = await asyncio.gather(*(scrape(app) for _ in range(5)))
    assert {body for body, _, _ in bodies} == {b"merges 1"}
    assert slow.merges == 1


async def test_the_first_scrape_need_not_wait_when_values_are_kept_fresh() -> None:
    slow = SlowMetrics(0.0)
    app = BoundedMetrics(slow, wait_seconds=0.05, refresh_seconds=30)
    keeping = asyncio.create_task(app.keep_fresh(None))
    await asyncio.sleep(0.1)
    slow.seconds = 1.2
    body, _, seconds = await scrape(app)
    assert body == b"merges 1"
    assert seconds < 0.5
    keeping.cancel()
    await asyncio.sleep(1.3)


async def test_a_merge_that_fails_is_tried_again() -> None:
    class Failing(SlowMetrics):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if self.merges == 0:
                self.merges += 1
                raise OSError("a metric file vanished")
            await super().__call__(scope, receive, send)

    app = BoundedMetrics(Failing(0.0), wait_seconds=5, refresh_seconds=0.05)
    keeping = asyncio.create_task(app.keep_fresh(None))
    await asyncio.sleep(0.3)
    keeping.cancel()
    body, _, _ = await scrape(app)
    assert body.startswith(b"merges")
