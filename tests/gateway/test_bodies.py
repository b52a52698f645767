"""Bodies are read within bounds of size, time and memory."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest
from starlette.datastructures import Headers
from starlette.types import Message

from gateway import bodies
from gateway.bodies import BodyReader
from gateway.errors import HttpError

PLAIN = Headers({})


def sender(*chunks: bytes, ends: bool = True) -> Callable[[], Awaitable[Message]]:
    """A `receive` that gives chunks, then nothing."""
    pieces: Iterator[tuple[int, bytes]] = iter(enumerate(chunks, 1))

    async def receive() -> Message:
        for number, chunk in pieces:
            more = not (ends and number == len(chunks))
            return {"type": "http.request", "body": chunk, "more_body": more}
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    return receive


async def read(reader: BodyReader, headers: Headers, receive: Callable[[], Awaitable[Message]]) -> bytes:
    async with reader.held(headers, receive) as body:
        return body


async def test_a_body_is_what_was_sent() -> None:
    reader = BodyReader(max_bytes=10, seconds=5)
    assert await read(reader, PLAIN, sender(b"one", b"two")) == b"onetwo"


async def test_a_body_that_takes_too_long_is_a_408() -> None:
    with pytest.raises(HttpError, match=r"within 0\.05 s") as late:
        await read(BodyReader(max_bytes=10, seconds=0.05), PLAIN, sender(b"one", ends=False))
    assert late.value.status == 408


async def test_a_body_declared_too_large_is_not_asked_for() -> None:
    headers = Headers({"content-length": "11", "expect": "100-continue"})
    with pytest.raises(HttpError) as large:
        await read(BodyReader(max_bytes=10, seconds=5), headers, sender(b"x", ends=False))
    assert large.value.status == 413


async def test_of_many_bodies_that_come_in_step_those_are_read_whole_that_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bodies, "MAX_BODIES", 12)
    reader, place = BodyReader(max_bytes=100, seconds=5), Headers({})

    async def upload() -> int:
        send = sender(*[b"x" * 10] * 10)

        async def receive() -> Message:
            await asyncio.sleep(0)  # each sends a piece when all have sent one
            return await send()

        return len(await read(reader, place, receive))

    ends = await asyncio.gather(*(upload() for _ in range(50)), return_exceptions=True)
    whole = [end for end in ends if end == 100]
    refused = [end for end in ends if isinstance(end, HttpError) and end.status == 503]
    assert len(whole) + len(refused) == 50
    assert 8 <= len(whole) <= 13


async def test_all_bodies_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_BODIES", 2)
    monkeypatch.setattr(bodies, "DISCARD_SECONDS", 0.05)
    reader = BodyReader(max_bytes=10, seconds=1)
    waiting = [asyncio.ensure_future(read(reader, PLAIN, sender(b"x" * 10, ends=False))) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(HttpError) as refused:
        await read(reader, PLAIN, sender(b"x", ends=False))
    assert refused.value.status == 503
    await asyncio.gather(*waiting, return_exceptions=True)
    assert await read(reader, PLAIN, sender(b"x" * 10)) == b"x" * 10  # what they held is given back
