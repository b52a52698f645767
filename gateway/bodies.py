"""Reading a request's body: not more than is allowed, nor for longer, nor of too many at once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from starlette.datastructures import Headers
from starlette.types import Receive

from gateway.errors import HttpError

MAX_BODIES = 64
MAX_HELD_BYTES = 128 * 2**20  # of all bodies at once, whatever one of them may have
MAX_DISCARDED_BYTES = 64 * 2**20
DISCARD_SECONDS = 5.0
CLOSING = {"Connection": "close"}

logger = logging.getLogger(__name__)


class BodyReader:
    """Reads bodies before their requests are admitted, so it bounds the memory of all of them."""

    def __init__(self, *, max_bytes: int, seconds: float) -> None:
        """Takes the limits of one body; all at once hold `MAX_BODIES` such, or `MAX_HELD_BYTES`, if less."""
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._held = 0

    @asynccontextmanager
    async def held(self, headers: Headers, receive: Receive) -> AsyncIterator[bytes]:
        """The whole body, which counts among those that are held until the block ends.

        Raises:
            HttpError: 413 for a body that is too large, 408 for one that takes too long, 503 while others
                take all the memory that bodies may have, 400 if the client left. What follows is read and
                dropped for a moment, so that the client reads the answer instead of a broken connection.
        """
        with self._counted() as count:
            yield await self._whole(headers, receive, count)

    async def _whole(self, headers: Headers, receive: Receive, count: "_Count") -> bytes:
        try:
            async with asyncio.timeout(self._seconds):
                self._check_declared(headers)
                return await self._read(receive, count)
        except TimeoutError:
            detail = f"the body was not complete within {self._seconds:g} s"
            raise HttpError(408, detail, headers=CLOSING) from None
        except HttpError as error:
            if error.status in (413, 503) and count.more and not expects_continue(headers):
                await discard(receive)
            raise

    def _check_declared(self, headers: Headers) -> None:
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > self._max_bytes:
            raise self._too_large()

    async def _read(self, receive: Receive, count: "_Count") -> bytes:
        chunks: list[bytes] = []
        while count.more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise HttpError(400, "the client left before its body was complete")
            chunks.append(message.get("body", b""))
            count.add(len(chunks[-1]), more=message.get("more_body", False))
            if count.bytes > self._max_bytes:
                raise self._too_large()
            if count.more and self._held > min(MAX_BODIES * self._max_bytes, MAX_HELD_BYTES):
                chunks.clear()
                count.release()  # before the rest is dropped, or all others would be refused too
                raise HttpError(
                    503, "too many bodies are being sent", headers={"Retry-After": "5", **CLOSING}
                )
        return b"".join(chunks)

    def _too_large(self) -> HttpError:
        return HttpError(413, f"the body is larger than {self._max_bytes} bytes", headers=CLOSING)

    @contextmanager
    def _counted(self) -> Iterator["_Count"]:
        count = _Count(self)
        try:
            yield count
        finally:
            count.release()

    def hold(self, size: int) -> None:
        """Counts bytes that a body takes, or less than none for those that it gives back."""
        self._held += size


class _Count:
    """What one body holds so far, and whether there is more."""

    def __init__(self, reader: BodyReader) -> None:
        self._reader = reader
        self.bytes = 0
        self.more = True

    def add(self, size: int, *, more: bool) -> None:
        self.more = more
        self.bytes += size
        self._reader.hold(size)

    def release(self) -> None:
        """Counts it no longer."""
        self._reader.hold(-self.bytes)
        self.bytes = 0


def expects_continue(headers: Headers) -> bool:
    """Whether the client sends its body only when it is asked to."""
    return headers.get("expect", "").lower() == "100-continue"


async def discard(receive: Receive) -> None:
    """Drops what is left of a body, for a few seconds."""
    dropped, more = 0, True
    try:
        async with asyncio.timeout(DISCARD_SECONDS):
            while more and dropped < MAX_DISCARDED_BYTES:
                message = await receive()
                dropped += len(message.get("body", b""))
                more = message.get("more_body", False)
    except TimeoutError:
        logger.info("stopped reading a body that nobody needs after %d bytes", dropped)
