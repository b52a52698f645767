"""The first process's side of the roll: it notes starts and ends, and gives up a start that cannot succeed.

BentoML starts whatever ends again, for ever, and looks every 10 s whether something has. It lets us know by
the hooks of its watchers, one a service.
"""

import asyncio
import logging
import signal
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bentoml.exceptions import BentoMLConfigException
from circus.exc import ConflictError

from runners.life.folders import make_again
from runners.machine import killed_for_memory
from runners.roll import (
    ROLL_VARIABLE,
    Death,
    Team,
    forget_process,
    one_line,
    read_failure,
    socket_of,
    write_roll,
)

WATCHER_PREFIX = "service_"  # BentoML calls a runner's watcher service_NAME, and the gateway's service
GATEWAY = "gateway"
REMEMBERED_DEATHS = 32
WARN_AT = 3  # recent deaths
SAME_FAILURES = 3  # starts that fail alike, before any succeeded
RETRY_SECONDS = 0.05

logger = logging.getLogger(__name__)


class _Notes:
    """What is known of one service's processes."""

    def __init__(self) -> None:
        self.processes: dict[int, None] = {}  # in the order of their start
        self.deaths: deque[Death] = deque(maxlen=REMEMBERED_DEATHS)
        self.failures: list[str] = []  # of starts, while none has succeeded
        self.restarts = 0
        self.ever_started = False

    def team(self) -> Team:
        return Team(processes=tuple(self.processes), restarts=self.restarts, deaths=tuple(self.deaths))


class RollKeeper:
    """Keeps the roll in a folder."""

    def __init__(self, folder: Path, memory_kills: Callable[[], int] = killed_for_memory) -> None:
        """Takes the folder, and how to learn how often the kernel killed for memory."""
        self._folder = folder
        self._memory_kills = memory_kills
        self._kills = memory_kills()
        self._notes: dict[str, _Notes] = {}
        self.verdict: BentoMLConfigException | None = None  # why the service cannot start

    def follow(self, watcher: Any) -> None:
        """Notes what happens to a watcher's processes from now on; before it starts any."""
        watcher.env = {**(watcher.env or {}), ROLL_VARIABLE: str(self._folder)}
        watcher.hooks |= {"after_spawn": self._on_spawn, "after_reap": self._on_end}
        self._notes[name_of(watcher)] = _Notes()
        self._write()

    def _on_spawn(self, watcher: Any, pid: int, **_: Any) -> bool:
        self._notes[name_of(watcher)].processes[pid] = None
        self._write()
        return True

    def _on_end(self, watcher: Any, arbiter: Any, process_pid: int, exit_code: int | None, **_: Any) -> None:
        notes, name = self._notes[name_of(watcher)], name_of(watcher)
        notes.processes.pop(process_pid, None)
        if not arbiter._stopping:
            self._note_death(arbiter, notes, name, process_pid, exit_code)
        forget_process(self._folder, process_pid)
        self._write()

    def _note_death(
        self, arbiter: Any, notes: _Notes, name: str, process: int, exit_code: int | None
    ) -> None:
        failure = read_failure(self._folder, process)
        started = [p for p in (process, *notes.processes) if socket_of(self._folder, p).exists()]
        notes.ever_started = notes.ever_started or bool(started) or name == GATEWAY
        reason = failure.reason if failure else describe_end(exit_code, for_memory=self._kernel_killed())
        notes.deaths.append(Death(time=time.time(), reason=reason))
        notes.restarts += 1
        if notes.team().recent_deaths == WARN_AT:
            logger.warning("%s: %s; that is death %d within a minute", name, reason, WARN_AT)
        if not notes.ever_started and failure is not None:
            notes.failures.append(reason)
            if failure.final or notes.failures[-SAME_FAILURES:] == [reason] * SAME_FAILURES:
                self.verdict = self.verdict or BentoMLConfigException(one_line(f"{name}: {reason}"))
                give_up(arbiter, self.verdict)

    def listen(self, arbiter: Any) -> None:
        """Has the arbiter hear of every end at once, by the signal that its children's ends send."""

        def hear(*_: Any) -> None:
            arbiter.loop.add_callback_from_signal(self._look, arbiter)

        signal.signal(signal.SIGCHLD, hear)

    async def _look(self, arbiter: Any) -> None:
        """Notes who ended and has it started again; who ends all the time has to wait for BentoML."""
        if arbiter._stopping:
            return
        arbiter.reap_processes()
        while not arbiter._stopping and not self._is_crash_loop():
            try:
                await arbiter.manage_watchers()
            except ConflictError:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    def _is_crash_loop(self) -> bool:
        return any(notes.team().recent_deaths >= WARN_AT for notes in self._notes.values())

    def _kernel_killed(self) -> bool:
        before, self._kills = self._kills, self._memory_kills()
        return self._kills > before

    def _write(self) -> None:
        roll = {name: notes.team() for name, notes in self._notes.items()}
        try:
            if not self._folder.exists():  # a cleaner took it
                make_again(self._folder)
            write_roll(self._folder, roll)
        except OSError as error:  # full: the processes do their work all the same
            logger.warning("the roll of processes cannot be kept: %s", error)


def name_of(watcher: Any) -> str:
    """The service that a watcher's processes belong to."""
    name = str(watcher.name)
    return name.removeprefix(WATCHER_PREFIX) if name.startswith(WATCHER_PREFIX) else GATEWAY


def describe_end(exit_code: int | None, *, for_memory: bool) -> str:
    """In words; a negative code is a signal's number."""
    if exit_code is None:
        return "its process ended"
    if exit_code >= 0:
        return f"its process ended with code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = "unknown"
    why = ""
    if -exit_code == signal.SIGKILL:
        why = ", killed for memory" if for_memory else ", killed, perhaps for memory"
    return f"its process ended by signal {-exit_code} ({name}{why})"


def give_up(arbiter: Any, verdict: BentoMLConfigException) -> None:
    """Ends the service: `bentoml serve` shows the one line, no traceback, and ends with code 1."""
    if arbiter._exception is None:
        arbiter._exception = verdict
        arbiter.loop.add_callback(_stop, arbiter)


async def _stop(arbiter: Any) -> None:
    """Stops, once the arbiter has done what it is doing."""
    while not arbiter._stopping:
        try:
            await arbiter.stop()
        except ConflictError:
            await asyncio.sleep(RETRY_SECONDS)
