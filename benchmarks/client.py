"""Requests to a service on this machine, timed to the last byte.

aiohttp with a large buffer: a PLY of 35 MB costs this client 11 ms, httpx takes 90 ms for the same bytes,
which would count as the service's. Every request has a connection of its own, as clients of the subnet do.
"""

import itertools
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from benchmarks.prompts import prompt_of
from benchmarks.server_timing import parse_server_timing

TIMEOUT_SECONDS = 300.0
BUFFER_BYTES = 2**22
NO_ANSWER = 0
PLY_PATH, VIDEO_PATH = "/generate/", "/generate_video/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What one request met.

    Attributes:
        status: HTTP's; 0 where the connection broke or nothing came in time.
        seconds: From when the request was due to its last byte.
        num_bytes: Of the body.
        stages: `Server-Timing`, ms.
        retry_after_seconds: What a 503 asks for.
    """

    status: int
    seconds: float
    num_bytes: int = 0
    stages: dict[str, float]
    retry_after_seconds: float = 0.0


class Client:
    """Sends requests; make one with `connected`."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._numbers = itertools.count()

    async def generate(
        self, *, due: float | None = None, path: str = PLY_PATH, fields: Mapping[str, str] | None = None
    ) -> Reply:
        """One generation, with the next prompt and the next seed.

        Args:
            due: `time.perf_counter()` at which the request should have been sent, if that is not now: a
                client that is late must not make the service look faster.
            path: PLY or video.
            fields: Further fields of the form.
        """
        started = time.perf_counter() if due is None else due
        number = next(self._numbers)
        form = {"prompt": prompt_of(number), "seed": str(number), **(fields or {})}
        try:
            async with self._session.post(path, data=form) as reply:
                size = 0
                async for part in reply.content.iter_any():
                    size += len(part)
                return Reply(
                    status=reply.status,
                    seconds=time.perf_counter() - started,
                    num_bytes=size,
                    stages=parse_server_timing(reply.headers.get("Server-Timing", "")),
                    retry_after_seconds=float(reply.headers.get("Retry-After", 0)),
                )
        except (aiohttp.ClientError, TimeoutError):
            return Reply(status=NO_ANSWER, seconds=time.perf_counter() - started, stages={})

    async def probe(self, path: str) -> float:
        """Seconds of a GET."""
        started = time.perf_counter()
        async with self._session.get(path) as reply:
            await reply.read()
        return time.perf_counter() - started

    async def version(self) -> dict[str, object]:
        """What `/version` says."""
        async with self._session.get("/version") as reply:
            said: dict[str, object] = await reply.json()
            return said


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    """A client of the service on this machine's `port`; there is no way to load another machine."""
    async with aiohttp.ClientSession(
        base_url=f"http://127.0.0.1:{port}",
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
        read_bufsize=BUFFER_BYTES,
    ) as session:
        yield Client(session)
