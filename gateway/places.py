"""A runner's places, and who keeps them: also a call that its request gave up, until it is answered."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Places:
    """Bounds the calls in flight.

    A cancelled request does not take its call back: the job may be in the runner's queue or in work. The
    runner drops it soon, because its reservation is gone; only then somebody else can use its place. If it
    were free at once, jobs would pile up in a queue that nobody sees.
    """

    def __init__(self, concurrency: int) -> None:
        """Takes how many calls may be in flight."""
        self._slots = asyncio.Semaphore(concurrency)

    async def take(self, call: Callable[[], Awaitable[T]]) -> T:
        """What `call` gives, once there is a place."""
        await self._slots.acquire()
        running = asyncio.ensure_future(call())
        running.add_done_callback(self._free)
        return await asyncio.shield(running)

    def _free(self, call: "asyncio.Future[Any]") -> None:
        self._slots.release()
        if not call.cancelled():
            call.exception()  # read, for nobody may have waited for it
