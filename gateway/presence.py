"""Whether a stage has a process, as seen by those who wait for its answers."""

import asyncio
import time

import psutil


class Presence:
    """The known processes of one stage, and how long a new one takes to come.

    Whoever warms the processes up tells which ones there are (`found`). That they are gone is looked up when
    somebody needs to know, so that nobody waits for the dead.
    """

    def __init__(self, *, local: bool = True) -> None:
        """Counts the first start from now.

        Args:
            local: Whether the processes are on this host; elsewhere their numbers say nothing.
        """
        self._local = local
        self._processes: set[int] = set()
        self._missing_since: float | None = time.monotonic()
        self._start_seconds: float | None = None
        self._news = asyncio.Event()

    def found(self, process: int) -> None:
        """A process is there and warm."""
        if self._missing_since is not None:
            self._start_seconds = time.monotonic() - self._missing_since
            self._missing_since = None
        self._processes.add(process)
        self._news.set()
        self._news = asyncio.Event()

    @property
    def is_gone(self) -> bool:
        """Whether all processes that were ever found have died; before the first one nobody knows."""
        if not self._local:
            return False
        if self._missing_since is not None:
            return self._start_seconds is not None
        self._processes = {process for process in self._processes if is_alive(process)}
        if not self._processes:
            self._missing_since = time.monotonic()
        return not self._processes

    def may_return_within(self, seconds: float) -> bool:
        """Whether a new process is likely to come in time, by how long the last one took."""
        if self._missing_since is None or self._start_seconds is None:
            return True
        waited = time.monotonic() - self._missing_since
        return self._start_seconds - waited <= seconds

    async def wait(self) -> None:
        """Until a process is found."""
        while self.is_gone:
            await self._news.wait()


def is_alive(process: int) -> bool:
    """Whether a process runs; a dead one that nobody has waited for yet does not.

    A look that fails says nothing: the process counts as alive.
    """
    try:
        return bool(psutil.Process(process).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except (psutil.Error, OSError):
        return True
