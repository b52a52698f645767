"""Waiting for what other threads and processes do."""

import time
from collections.abc import Callable

SECONDS = 60.0
LOOK_SECONDS = 0.05


def wait_for(
    condition: Callable[[], object], seconds: float = SECONDS, *, what: str = "it did not come true"
) -> None:
    """Returns once the condition holds; fails with `what` if it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} within {seconds:g} s"
        time.sleep(LOOK_SECONDS)
