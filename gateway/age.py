"""How long the service has been running."""

import os
import sys
import time

import bentoml
import psutil

IMPORT_TIME = time.time()


def seconds_since_start() -> float:
    """How long the service has been running: its first process is this one's parent."""
    in_server = bentoml.server_context.worker_index is not None
    try:
        created: float = psutil.Process(os.getppid() if in_server else os.getpid()).create_time()
        if sys.platform == "linux":  # where a date of creation is as coarse as the boot's: whole seconds
            after_boot: float = created - psutil.boot_time()
            return time.clock_gettime(time.CLOCK_BOOTTIME) - after_boot
    except (psutil.Error, RuntimeError, OSError):  # sandboxes without /proc/stat's boot time
        created = IMPORT_TIME
    return time.time() - created
