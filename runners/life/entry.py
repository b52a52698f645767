"""python entry.py MODULE ARGUMENTS: runs a module as `python -m` does, but dies with its parent.

Before anything else, because a process that loads for half a minute must not outlive the service either. Run
as a file: it loads nothing of the project.
"""

import os
import runpy
import signal
import sys
import threading
import time

SUPERVISOR_VARIABLE = "FAST_3D_MINER_SUPERVISOR"  # the parent's process number
SET_PARENT_DEATH_SIGNAL = 1  # of prctl(2)
LOOK_SECONDS = 1.0


def main() -> None:
    """Runs the module."""
    die_with(int(os.environ[SUPERVISOR_VARIABLE]))
    sys.path[0] = os.getcwd()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def die_with(supervisor: int) -> None:
    """Has the kernel kill this process when the supervisor is gone, whatever either is doing then."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    else:
        threading.Thread(target=_look_after, args=(supervisor,), daemon=True).start()
    if os.getppid() != supervisor:  # it died before
        os._exit(1)


def _look_after(supervisor: int) -> None:
    while os.getppid() == supervisor:
        time.sleep(LOOK_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
