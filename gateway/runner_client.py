"""Calling the runners, one job at a time and a bounded number at once."""

import asyncio
import copy
import logging
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Generic, TypeVar

import aiohttp

from gateway.batcher import EVERY_JOB, Methods
from gateway.metrics import STAGE_SECONDS
from gateway.places import Places
from gateway.presence import Presence
from gateway.stopwatch import Stopwatch
from runners.handover import GIVEN_UP, AbandonedError
from runners.inline import packed, unpacked
from runners.jobs import Failure, Job, Result

J = TypeVar("J", bound=Job)
R = TypeVar("R", bound=Result)

STALE_CONNECTION_SECONDS = 0.01
LOOK_SECONDS = 0.2  # between two looks whether the process that has a call is still there
TRIES = 2  # of a job whose process dies at work
BROKEN = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError, ConnectionError)

logger = logging.getLogger(__name__)


class NoProcessError(Exception):
    """The process that had a call is gone."""


class StageFailedError(Exception):
    """One job has no result.

    Attributes:
        stage: Where.
        failure: Why.
    """

    def __init__(self, stage: str, failure: Failure) -> None:
        self.stage = stage
        self.failure = failure
        super().__init__(f"{stage}: {failure.kind}: {failure.detail}")


class RunnerClient(Generic[J, R]):
    """One runner as seen from the gateway."""

    def __init__(
        self,
        name: str,
        runner: Any,
        *,
        concurrency: int,
        methods: Mapping[type[Job], tuple[str, ...]] = EVERY_JOB,
        inline: bool = False,
    ) -> None:
        """Wraps a dependency.

        Args:
            name: In `Server-Timing` and messages.
            runner: What `bentoml.depends` gives.
            concurrency: Jobs in flight at most.
            methods: The runner's batched methods by the jobs they take; a job takes the least busy one.
            inline: Files travel inside the calls, because the runner shares no memory with this process.
        """
        self.name = name
        self.presence = Presence(local=not inline)
        self._runner = runner
        self.inline = inline
        self.methods = Methods(methods)
        self._places = Places(concurrency)

    def renamed(self, name: str) -> "RunnerClient[J, R]":
        """A client of the same runner that shares its places and reports times and failures as `name`."""
        other: RunnerClient[J, R] = copy.copy(self)
        other.name = name
        return other

    def through(self, runner: Any) -> "RunnerClient[J, R]":
        """A client that shares the places, and whose calls go through another proxy of BentoML's."""
        other: RunnerClient[J, R] = copy.copy(self)
        other._runner = runner
        return other

    async def run(self, job: J, watch: Stopwatch) -> R:
        """The job's result.

        Raises:
            StageFailedError: The runner reported a failure for this job, or its process is gone.
        """
        with watch.measure(self.name), STAGE_SECONDS.labels(self.name).time():
            result = await self._answer(job, watch)
        watch.cuts |= dict.fromkeys(f"{self.name}.{one}" for one in result.cuts)
        for step, seconds in result.timings.items():
            watch.add(f"{self.name}.{step}", seconds)
        if result.failure is not None:
            raise StageFailedError(self.name, result.failure)
        return result

    async def _answer(self, job: J, watch: Stopwatch) -> R:
        """The runner's answer; a job whose process died at work is tried once more."""
        tries = 0
        while True:
            await self._wait_for_process(watch)
            try:
                return await self._places.take(partial(self._watched, job))
            except NoProcessError:
                logger.warning("%s: the process is gone, a job waits for the next one", self.name)
            except BROKEN as error:
                tries += 1
                logger.warning("%s: the process broke off at work: %r", self.name, error)
                if tries == TRIES:
                    raise self._lost("its process died at work, twice") from error
                await asyncio.sleep(LOOK_SECONDS)  # a process that just died may still look alive

    async def _wait_for_process(self, watch: Stopwatch) -> None:
        """Until the stage has one.

        Raises:
            StageFailedError: There is none, and none will come in time.
        """
        if not self.presence.is_gone:
            return
        if not self.presence.may_return_within(watch.remaining):
            raise self._lost("its process is gone and will not be back in time")
        try:
            await asyncio.wait_for(self.presence.wait(), watch.remaining)
        except TimeoutError as error:
            raise self._lost("its process is gone and did not come back in time") from error

    def _lost(self, reason: str) -> StageFailedError:
        return StageFailedError(self.name, Failure(kind="stage_lost", detail=reason))

    async def _watched(self, job: J) -> R:
        """The runner's answer, waited for as long as the stage has a process.

        Without one a call would lie in the listening socket, which outlives the process, until the next one
        has loaded its models.

        Raises:
            NoProcessError: There is none.
        """
        if self.presence.is_gone:
            raise NoProcessError(self.name)
        with self.methods.least_busy(job) as method:
            call = asyncio.ensure_future(self.call(job, method))
            try:
                while not (await asyncio.wait({call}, timeout=LOOK_SECONDS))[0]:
                    if self.presence.is_gone:
                        raise NoProcessError(self.name)
                return call.result()
            finally:
                call.cancel()

    async def call(self, job: J, method: str) -> R:
        """The answer of one of the runner's methods, failure or not."""
        if not self.inline:
            return await self._send(job, method)
        try:
            sent = await asyncio.to_thread(packed, job)
            return await asyncio.to_thread(unpacked, job, await self._send(sent, method))
        except (AbandonedError, FileNotFoundError) as error:
            failure = Failure(kind="abandoned", detail=GIVEN_UP)
            raise StageFailedError(self.name, failure) from error

    async def _send(self, job: J, method: str) -> R:
        started = time.perf_counter()
        try:
            results: list[R] = await getattr(self._runner.to_async, method)([job])
        except aiohttp.ServerDisconnectedError:
            # At once: a connection that idled until the runner closed it. Later: the runner died at work.
            if time.perf_counter() - started > STALE_CONNECTION_SECONDS:
                raise
            results = await getattr(self._runner.to_async, method)([job])
        assert len(results) == 1, f"{self.name} answered {len(results)} results for one job"
        return results[0]
