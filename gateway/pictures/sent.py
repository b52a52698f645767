"""The picture of the request in work, which travels beside its parameters: BentoML reads those from JSON."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from jaxtyping import UInt8

Pixels = UInt8[np.ndarray, "height width channels"]

_picture: ContextVar[Pixels | None] = ContextVar("picture of this request", default=None)


@contextmanager
def carried(picture: Pixels | None) -> Iterator[None]:
    """Around the work for one request."""
    token = _picture.set(picture)
    try:
        yield
    finally:
        _picture.reset(token)


def sent_picture() -> Pixels | None:
    """What `decode_picture` made of the picture of the request that this is called for; None without one."""
    return _picture.get()
