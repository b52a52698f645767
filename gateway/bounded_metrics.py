"""GET /metrics within a bounded time.

BentoML merges the metric files of all processes anew for every scrape, which takes 10 ms of an idle core
but most of a second when models keep all cores busy. Here a scrape waits a moment for fresh values and
otherwise gets the last ones, with their age in the `Age` header; the merge goes on for the next scrape.
From the start on they are merged every few seconds besides, so that the first scrape has last ones as well.
"""

import asyncio
import logging
import time
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

WAIT_SECONDS = 0.05
REFRESH_SECONDS = 15.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    """One merged answer."""

    start: Message
    body: bytes
    taken: float


class BoundedMetrics:
    """An ASGI app that answers for the `/metrics` of the app it wraps."""

    def __init__(
        self, app: ASGIApp, wait_seconds: float = WAIT_SECONDS, refresh_seconds: float = REFRESH_SECONDS
    ) -> None:
        """Wraps `app`; a scrape waits longer than `wait_seconds` only while there are no last values."""
        self.app = app
        self._wait_seconds = wait_seconds
        self._refresh_seconds = refresh_seconds
        self._last: Scrape | None = None
        self._running: asyncio.Task[Scrape] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one scrape."""
        await self._refresh(scope, None if self._last is None else self._wait_seconds)
        assert self._last is not None
        age = str(int(time.monotonic() - self._last.taken)).encode()
        headers = [*self._last.start["headers"], (b"age", age)]
        await send({**self._last.start, "headers": headers})
        await send({"type": "http.response.body", "body": self._last.body})

    async def keep_fresh(self, app: object) -> None:
        """Merges without being asked, for ever; `app` is Starlette's own, which requests carry along."""
        while True:
            try:
                await self._refresh(scrape_scope(app), None)
            except Exception:  # a later merge may work, and whoever scrapes sees this one's error
                logger.exception("the metrics could not be merged")
            await asyncio.sleep(self._refresh_seconds)

    async def _refresh(self, scope: Scope, wait_seconds: float | None) -> None:
        """Waits for a merge, one that is on its way or a new one."""
        running = self._running
        if running is None or running.done():
            running = self._running = asyncio.create_task(self._scrape(scope))
        await asyncio.wait({running}, timeout=wait_seconds)
        if running.done():
            self._last = running.result()

    async def _scrape(self, scope: Scope) -> Scrape:
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        await self.app(scope, _no_body, collect)
        body = b"".join(message.get("body", b"") for message in messages[1:])
        return Scrape(start=messages[0], body=body, taken=time.monotonic())


def scrape_scope(app: object) -> Scope:
    """A request for the metrics that nobody sent."""
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/metrics",
        "raw_path": b"/metrics",
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "app": app,
    }


async def _no_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}
