"""One process at a time: downloads of one folder, on one machine or on a volume that several mount.

A lock is a file beside what it guards, so it works where flock does not. Its holder refreshes it; that of a
dead process on this machine is taken over at once, one from elsewhere after LEASE_SECONDS without a sign of
life.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import SoftFileLease, Timeout

from configuration.lock import LOCK_NAME, Lock, LockedFile, read_lock, write_lock

LEASE_SECONDS = 30.0
POLL_SECONDS = 0.2
SUFFIX = ".lock"


class Stopped(Exception):  # noqa: N818
    """Another file failed; this one's part stays for the next run."""


@contextmanager
def turn(guarded: Path, stop: threading.Event | None = None) -> Iterator[None]:
    """Holds the lock beside a file inside the block, after whoever holds it now.

    Raises:
        Stopped: `stop` was set while waiting.
        OSError: The lock's folder cannot be written to.
    """
    lease = SoftFileLease(guarded.with_name(guarded.name + SUFFIX), lease_duration=LEASE_SECONDS)
    while True:
        if stop is not None and stop.is_set():
            raise Stopped
        try:
            lease.acquire(timeout=POLL_SECONDS, poll_interval=POLL_SECONDS / 2)
        except Timeout:
            continue
        try:
            yield
        finally:
            lease.release()
        return


def record(folder: Path, profile: str, files: Mapping[str, LockedFile]) -> Lock:
    """Adds files to the folder's lock of weights; what others wrote meanwhile stays.

    Returns:
        All that is in it now.

    Raises:
        LockError: It is damaged.
    """
    with turn(folder / LOCK_NAME):
        before = read_lock(folder)
        merged = Lock(profile=profile, files={**(before.files if before else {}), **files})
        write_lock(folder, merged)
        return merged
