"""How a process that the supervisor started leaves: not before its work is done."""

import os
import signal
import threading
import time
from collections.abc import Callable
from functools import cache
from types import FrameType

from runners.life.entry import SUPERVISOR_VARIABLE

GATEWAY_VARIABLE = "FAST_3D_MINER_GATEWAY"  # set where a gateway of the same supervisor needs this process
TOLD = signal.SIGUSR1  # the supervisor's word to a runner that no gateway needs it any more
ASKED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
POLL_SECONDS = 0.05


def is_supervised() -> bool:
    """Whether a supervisor of ours started this process; one that tests or programs started has none."""
    return os.environ.get(SUPERVISOR_VARIABLE) == str(os.getppid())


@cache
def leave_when_told(limit_seconds: float) -> None:
    """Puts signals to end off until the supervisor's word, for requests in work may still need this runner.

    A process manager may send them to all processes of the service at once. Several stages in one process ask
    for it once. A runner without a gateway beside it (in a container of its own) gets no word: it leaves as
    any server does, once what it has in work is done.
    """
    if GATEWAY_VARIABLE not in os.environ:
        return
    told = threading.Event()

    def hear(_: int, __: FrameType | None) -> None:
        told.set()
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(TOLD, hear)
    leave_later(told.is_set, limit_seconds)


def leave_later(
    may_leave: Callable[[], bool], limit_seconds: float, when_asked: Callable[[], None] = lambda: None
) -> None:
    """Puts signals to end off; to be called once the server's own handlers are set.

    Args:
        may_leave: Whether the work that must be done is done.
        limit_seconds: After that the process leaves in any case.
        when_asked: Called at the first signal.
    """
    leave = signal.getsignal(signal.SIGTERM)
    asked, over = threading.Event(), threading.Event()

    def wait() -> None:
        deadline = time.monotonic() + limit_seconds
        while time.monotonic() < deadline and not may_leave():
            time.sleep(POLL_SECONDS)
        over.set()
        os.kill(os.getpid(), signal.SIGTERM)

    def handle(_: int, frame: FrameType | None) -> None:
        is_first = not asked.is_set()
        if is_first:
            asked.set()
            when_asked()
        if (over.is_set() or may_leave()) and callable(leave):
            leave(signal.SIGTERM, frame)
        elif is_first:
            threading.Thread(target=wait, name="leave later", daemon=True).start()

    for number in ASKED:
        signal.signal(number, handle)
