"""A runner's places, and who keeps them: also a call that its request gave up, until it is answered."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


class Places:
    """Bounds the calls in flight and spreads them over those methods of a runner that take them.

    A cancelled request does not take its call back: the job may be in the runner's queue or in work. The
    runner drops it soon, because its reservation is gone; only then somebody else can use its place. If it
    were free at once, jobs would pile up in a queue that nobody sees.
    """

    def __init__(self, concurrency: int) -> None:
        """Takes how many calls may be in flight."""
        self._slots = asyncio.Semaphore(concurrency)
        self._calls: Counter[str] = Counter()  # in flight, by method

    async def take(self, methods: Sequence[str], call: Callable[[str], Awaitable[T]]) -> T:
        """What `call` gives for the least busy of these methods, once there is a place."""
        await self._slots.acquire()
        method = min(methods, key=self._calls.__getitem__)
        self._calls[method] += 1
        running = asyncio.ensure_future(call(method))
        running.add_done_callback(partial(self._free, method))
        return await asyncio.shield(running)

    def _free(self, method: str, call: "asyncio.Future[Any]") -> None:
        self._calls[method] -= 1
        self._slots.release()
        if not call.cancelled():
            call.exception()  # read, for nobody may have waited for it
