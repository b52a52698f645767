"""GET /metrics within a bounded time.

BentoML merges the metric files of all processes anew for every scrape, which takes 10 ms of an idle core
but most of a second when models keep all cores busy. Here a scrape waits a moment for fresh values and
otherwise gets the last ones, with their age in the `Age` header; the merge goes on for the next scrape.
"""

import asyncio
import time
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

WAIT_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    """One merged answer."""

    start: Message
    body: bytes
    taken: float


class BoundedMetrics:
    """An ASGI app that answers for the `/metrics` of the app it wraps."""

    def __init__(self, app: ASGIApp, wait_seconds: float = WAIT_SECONDS) -> None:
        """Wraps `app`; only the very first scrape waits longer than `wait_seconds`."""
        self.app = app
        self._wait_seconds = wait_seconds
        self._last: Scrape | None = None
        self._running: asyncio.Task[Scrape] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one scrape."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._scrape(scope, receive))
        running = self._running
        await asyncio.wait({running}, timeout=None if self._last is None else self._wait_seconds)
        if running.done():
            self._last = running.result()
        assert self._last is not None
        age = str(int(time.monotonic() - self._last.taken)).encode()
        headers = [*self._last.start["headers"], (b"age", age)]
        await send({**self._last.start, "headers": headers})
        await send({"type": "http.response.body", "body": self._last.body})

    async def _scrape(self, scope: Scope, receive: Receive) -> Scrape:
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        await self.app(scope, receive, collect)
        body = b"".join(message.get("body", b"") for message in messages[1:])
        return Scrape(start=messages[0], body=body, taken=time.monotonic())
