"""Which stages a request has entered, for whoever knows the name it was given.

A caller that wants to tell somebody how far its request is (a worker of a queue) sends `X-Progress-Id` with
it and asks GET /progress/NAME beside it. Names live as long as their requests, and in one gateway process.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

HEADER = "x-progress-id"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")

_stages: ContextVar[list[str] | None] = ContextVar("stages of this request", default=None)
_followed: dict[str, list[str]] = {}


@contextmanager
def followed(name: str | None) -> Iterator[None]:
    """Keeps the stages of the request inside the block under `name`, if that is a plain one."""
    if name is None or not _NAME.fullmatch(name) or name in _followed:
        yield
        return
    stages = _followed[name] = []
    token = _stages.set(stages)
    try:
        yield
    finally:
        _stages.reset(token)
        del _followed[name]


def enter(stage: str) -> None:
    """Notes that this request has entered a stage."""
    stages = _stages.get()
    if stages is not None:
        stages.append(stage)


def stages_of(name: str) -> list[str] | None:
    """What the request has entered so far, in order; None if no request of that name is in work."""
    stages = _followed.get(name)
    return None if stages is None else list(stages)
