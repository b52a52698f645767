"""Stopping long work between two of its steps, without a parameter through every layer.

    with steps_checked(check):         # whoever asked for the work; `check` raises to end it
        model.generate(...)            # calls `between_steps()` in its loops

On a GPU the steps of a recorded flow are all on their way within milliseconds, so there it is the next
stage that is spared; on a CPU it is the next step.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Check = Callable[[], None]

_CHECK: ContextVar[Check | None] = ContextVar("check between steps", default=None)


@contextmanager
def steps_checked(check: Check) -> Iterator[None]:
    """Has `check` called between the steps of what runs in the block, in this thread; it raises to stop."""
    token = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(token)


def between_steps() -> None:
    """To be called between the steps of long work; raises what the caller's check raises."""
    check = _CHECK.get()
    if check is not None:
        check()
