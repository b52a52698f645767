"""Reaching each process of a runner: a call to the runner itself goes to whichever takes it first."""

import asyncio
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from _bentoml_impl.client import RemoteProxy
from bentoml._internal.utils.uri import path_to_uri

from runners.roll import Roll, Team, read_roll, roll_folder, socket_of
from runners.status import Status

STATUS_SECONDS = 2.0
SILENCE_SECONDS = 10.0

logger = logging.getLogger(__name__)


class Workers(Protocol):
    """The processes of all runners."""

    def roll(self) -> Roll | None:
        """Who lives; None where that cannot be learnt now."""
        ...

    async def look_far(self) -> None:
        """Asks those that no roll names: runners with a server of their own, perhaps on another host."""
        ...

    async def runner(self, service: str, process: int) -> Any | None:
        """What calls go through (`to_async`) to this very process; None while it loads."""
        ...


class OneProcess:
    """Where all runners live in the gateway's own process: tests, other programs."""

    def __init__(self, runners: Mapping[str, Any]) -> None:
        """Takes what `bentoml.depends` gives, by the name of the service."""
        self._runners = runners

    def roll(self) -> Roll:
        """Everybody is here."""
        return {service: Team(processes=(os.getpid(),)) for service in self._runners}

    async def look_far(self) -> None:
        """Nobody is far."""

    async def runner(self, service: str, process: int) -> Any | None:
        """The only one."""
        return self._runners[service]


class ManyProcesses:
    """Where each runner has processes of its own, which the roll names unless they have another parent."""

    def __init__(self, folder: Path, runners: Mapping[str, Any], services: Mapping[str, Any]) -> None:
        """Takes the roll's folder, see `all_workers` for the rest."""
        self._folder = folder
        self._runners = runners
        self._services = services
        self._far: dict[str, Team] = {}
        self._heard: dict[str, float] = {}
        self._proxies: dict[int, Any] = {}

    def roll(self) -> Roll | None:
        """What the first process wrote, and who answered from afar."""
        roll = read_roll(self._folder)
        return None if roll is None else {**roll, **self._far}

    async def look_far(self) -> None:
        """Asks whoever takes the call; who does not answer for a while is gone."""
        roll = read_roll(self._folder)
        far = [service for service in self._services if roll is not None and service not in roll]
        for service, status in zip(
            far, await asyncio.gather(*(ask(self._runners[s]) for s in far)), strict=True
        ):
            if status is not None:
                self._heard[service] = time.monotonic()
                self._far[service] = Team(processes=(status.process,))
            elif time.monotonic() > self._heard.get(service, 0.0) + SILENCE_SECONDS:
                self._far[service] = Team()

    async def runner(self, service: str, process: int) -> Any | None:
        """A client of the process's own socket; of a far one's only address."""
        if service in self._far:
            return self._runners[service]
        if process not in self._proxies:
            path = socket_of(self._folder, process)
            if not path.exists():
                return None
            proxy: Any = RemoteProxy(path_to_uri(str(path)), service=self._services[service])
            self._proxies[process] = await proxy.__aenter__()
            await self._close_proxies_of_the_dead()
        return self._proxies[process]

    async def _close_proxies_of_the_dead(self) -> None:
        roll = self.roll() or {}
        alive = {process for team in roll.values() for process in team.processes}
        for process in [process for process in self._proxies if roll and process not in alive]:
            await self._proxies.pop(process).close()


def all_workers(runners: Mapping[str, Any], services: Mapping[str, Any]) -> Workers:
    """The processes of a whole service, or this one.

    Args:
        runners: What `bentoml.depends` gives, by the name of the service.
        services: The BentoML services by name.
    """
    folder = roll_folder()
    return OneProcess(runners) if folder is None else ManyProcesses(folder, runners, services)


async def ask(runner: Any) -> Status | None:
    """What a process says of itself; None while it is busy, loading or gone."""
    try:
        status: Status = await asyncio.wait_for(runner.to_async.status(), STATUS_SECONDS)
    except Exception as error:  # a client has many ways to say that nobody answers
        logger.debug("a process does not answer: %r", error)
        return None
    return status


class EachOf:
    """Stands for a runner where each of its processes shall do the same job; the last answer counts."""

    def __init__(self, runners: Sequence[Any]) -> None:
        """Takes what leads to each process."""
        self._runners = runners

    @property
    def to_async(self) -> "EachOf":
        """As of what `bentoml.depends` gives."""
        return self

    def __getattr__(self, method: str) -> Any:
        """Calls a method of every process, one after the other: they may write the same file."""

        async def call(jobs: Sequence[Any]) -> Any:
            results: Any = []
            for runner in self._runners:
                results = await getattr(runner.to_async, method)(jobs)
            return results

        return call
