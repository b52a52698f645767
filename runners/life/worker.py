"""How a process that the supervisor started ends: not before its work is done, never after the supervisor."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from types import FrameType

SUPERVISOR_VARIABLE = "FAST_3D_MINER_SUPERVISOR"  # its process number
TOLD = signal.SIGUSR1  # the supervisor's word to a runner that no gateway needs it any more
ASKED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
SET_PARENT_DEATH_SIGNAL = 1  # of prctl(2)
POLL_SECONDS = 0.05
LOOK_SECONDS = 1.0

logger = logging.getLogger(__name__)


def is_supervised() -> bool:
    """Whether a supervisor of ours started this process; one that tests or programs started has none."""
    return os.environ.get(SUPERVISOR_VARIABLE) == str(os.getppid())


def die_with_supervisor() -> None:
    """Has the kernel kill this process when the supervisor is gone, whatever either is doing then.

    Does nothing in a process that no supervisor started.
    """
    supervisor = os.environ.get(SUPERVISOR_VARIABLE)
    if supervisor is None:
        return
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    else:
        threading.Thread(target=_look_after, args=(int(supervisor),), daemon=True).start()
    if not is_supervised():  # it died before
        os._exit(1)


def _look_after(supervisor: int) -> None:
    while os.getppid() == supervisor:
        time.sleep(LOOK_SECONDS)
    os._exit(1)


@cache
def leave_when_told(limit_seconds: float) -> None:
    """Puts signals to end off until the supervisor's word, for requests in work may still need this runner.

    A process manager may send them to all processes of the service at once. Several stages in one process ask
    for it once.
    """
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
