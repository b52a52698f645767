"""What can be made now, and what is missing for the rest.

The roll says which processes there are. A new one (first start, or a restart after its end) has its batchers
warmed with no-ops, because BentoML's hold lone requests back during their first dozen calls; then a rehearsal
runs through all stages, and through every new process of each. Answers come from memory, so a probe never
waits for a busy runner. The service is ready while PLYs can be made: whatever else is missing stops only
what needs it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from configuration.stages import NAMES, STAGES, StageName
from gateway.age import seconds_since_start
from gateway.judging import VERDICT
from gateway.pipeline import Pipeline, Stages
from gateway.runner_client import RunnerClient, StageFailedError
from gateway.workers import EachOf, Workers, ask
from runners.formats import FORMATS
from runners.handover import Handover
from runners.roll import Roll, Team, one_line
from runners.status import Status

LOOK_SECONDS = 0.1  # between two looks at the roll
PERIOD_SECONDS = 0.5
PERIOD_AFTER_FAILURE_SECONDS = 5.0
REHEARSAL_PROMPT = "pink bicycle"

MINING = tuple(stage.name for stage in STAGES if stage.makes_plys)
FINISHING = tuple(stage.name for stage in STAGES if not stage.makes_plys)
logger = logging.getLogger(__name__)

T = TypeVar("T")
Worker = tuple[str, int]  # the name of its service, and its process


class Readiness:
    """Watches the runners in the background."""

    def __init__(
        self, pipeline: Pipeline, handover: Handover, workers: Workers, services: Mapping[str, str]
    ) -> None:
        """Takes what a rehearsal needs, who is watched, and the service that runs each stage."""
        self._pipeline = pipeline
        self._handover = handover
        self._workers = workers
        self._services = services
        self._roll: Roll = {}
        self._trained: dict[Worker, Any] = {}  # those whose batchers are warm, and what leads to each
        self._warm: set[Worker] = set()
        self._statuses: dict[Worker, Status] = {}
        self._lack_of_room: str | None = None  # for the files of a single object
        self._trouble: dict[str, str] = {}  # by stage, why it could not be warmed up
        self._seconds_to_ready: float | None = None

    @property
    def is_ready(self) -> bool:
        """Whether PLYs can be made."""
        return self.lack(("ply",)) is None

    def lack(self, products: Sequence[str]) -> str | None:
        """What is missing to make all of these formats, and why; None if nothing is."""
        needed = dict.fromkeys(stage for product in products for stage in stages_of(product))
        missing = [self._lack_of_room] if self._lack_of_room else []
        missing += [self._reason(stage) for stage in needed if not self._has_warm(stage)]
        return "; ".join(dict.fromkeys(missing)) or None

    def report(self) -> dict[str, Any]:
        """How long the start took, what is missing, and what is known of each process."""
        return {
            "seconds_to_ready": self._seconds_to_ready,
            "services": {name: self._describe(name, team) for name, team in self._roll.items()},
            "processes": [
                status.model_dump(mode="json") | {"stages": self._stages_of(service)}
                for (service, _), status in self._statuses.items()
            ],
        }

    def products(self) -> dict[str, str]:
        """For each format "ready", or what is missing."""
        return {product: self.lack((product,)) or "ready" for product in FORMATS}

    async def watch(self) -> None:
        """Runs until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_again_and_again())
            tasks.create_task(self._warm_up_again_and_again())

    async def _look_again_and_again(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def _warm_up_again_and_again(self) -> None:
        while True:
            try:
                await self.check()
            except Exception:  # whatever it was, readiness must go on being watched
                logger.exception("warming up failed; trying again")
                await asyncio.sleep(PERIOD_AFTER_FAILURE_SECONDS)
            started = self._seconds_to_ready is not None
            await asyncio.sleep(PERIOD_SECONDS if started else LOOK_SECONDS)  # a start should not wait for us

    def look(self) -> None:
        """Takes note of who lives; a look that fails (no descriptor left) says nothing of anybody."""
        roll = self._workers.roll()
        if roll is None:
            return
        was_ready, self._roll = self.is_ready, roll
        self._lack_of_room = self._handover.lack_of_room()
        alive = {(service, process) for service, team in roll.items() for process in team.processes}
        self._warm &= alive
        self._trained = {worker: lead for worker, lead in self._trained.items() if worker in alive}
        self._statuses = {worker: status for worker, status in self._statuses.items() if worker in alive}
        if was_ready and not self.is_ready:
            logger.warning("no PLY can be made: %s", self.lack(("ply",)))

    async def check(self) -> None:
        """Asks every process that has started; warms up what is new."""
        await self._workers.look_far()
        self.look()
        started = await self._started()
        statuses = await asyncio.gather(*(ask(lead) for lead in started.values()))
        answering = {worker: status for worker, status in zip(started, statuses, strict=True) if status}
        self._statuses |= answering
        fresh = {worker: started[worker] for worker in answering if worker not in self._trained}
        await asyncio.gather(*(self._train(worker, lead) for worker, lead in fresh.items()))
        self._trained |= fresh
        if self._is_worth_a_rehearsal():
            await self._rehearse()

    async def _started(self) -> dict[Worker, Any]:
        """What leads to each process that has loaded its models."""
        found: dict[Worker, Any] = {}
        for service in dict.fromkeys(self._services.values()):
            for process in self._team(service).processes:
                lead = await self._workers.runner(service, process)
                if lead is not None:
                    found[service, process] = lead
        return found

    async def _train(self, worker: Worker, lead: Any) -> None:
        service, process = worker
        began = time.perf_counter()
        await asyncio.gather(
            *(self._train_stage(self._stage(name), lead, process) for name in self._stages_of(service))
        )
        logger.info("%s: batchers warm after %.1f s", service, time.perf_counter() - began)

    async def _train_stage(self, stage: RunnerClient[Any, Any], lead: Any, process: int) -> None:
        await stage.methods.train(stage.through(lead).call)
        await stage.methods.train(stage.call, bursts=(1,))  # opens the way that requests take
        stage.presence.found(process)

    def _is_worth_a_rehearsal(self) -> bool:
        """Whether somebody is new and the way to a PLY complete; the first one waits for all processes.

        It does not wait for those of a service of which one died before it was ever up.
        """
        if not self._trained.keys() - self._warm or not all(map(self._has_trained, MINING)):
            return False
        teams = {service: self._team(service) for service in self._services.values()}
        awaited = {(s, p) for s, team in teams.items() for p in team.processes if not team.restarts}
        return self._seconds_to_ready is not None or awaited <= self._trained.keys()

    async def _rehearse(self) -> None:
        """One object through every new process; what fails after the PLY leaves PLYs to be made."""
        new = {worker: lead for worker, lead in self._trained.items() if worker not in self._warm}
        pipeline = self._pipeline.along(
            Stages(**{name: self._directed(name, new) for name in self._services})
        )
        with self._handover.reserve() as files:
            with self._noting_trouble(MINING):
                passed = await self._timed("a PLY", pipeline.rehearse(REHEARSAL_PROMPT, files))
            if self._seconds_to_ready is not None:  # the first time nobody is let in before all are warm
                self._settle(new, MINING)
            try:
                if passed and all(map(self._has_trained, FINISHING)):
                    with self._noting_trouble(FINISHING):
                        await self._timed("files of it", pipeline.rehearse_film(files))
                self._settle(new, NAMES)
            finally:
                self._settle(new, MINING)

    async def _timed(self, what: str, rehearsal: Awaitable[T]) -> T:
        began = time.perf_counter()
        result = await rehearsal
        logger.info("rehearsed %s in %.1f s", what, time.perf_counter() - began)
        return result

    def _directed(self, name: str, new: Mapping[Worker, Any]) -> RunnerClient[Any, Any]:
        leads = [lead for (service, _), lead in new.items() if service == self._services[name]]
        return self._stage(name).through(EachOf(leads)) if leads else self._stage(name)

    @contextmanager
    def _noting_trouble(self, stages: Sequence[str]) -> Iterator[None]:
        """A block whose failure is what keeps some stages from being ready."""
        trouble: dict[str, str] = {}
        try:
            yield
        except Exception as error:
            if not _is_lost(error):  # of a death the roll tells more
                said = one_line(f"the rehearsal failed: {type(error).__name__}: {error}")
                trouble = dict.fromkeys(stages, said)
            raise
        finally:
            others = {stage: said for stage, said in self._trouble.items() if stage not in stages}
            self._trouble = others | trouble

    def _settle(self, new: Mapping[Worker, Any], stages: Sequence[str]) -> None:
        """New processes are warm once all of their stages have been rehearsed."""
        was_ready = self.is_ready
        self._warm |= {w for w in new if w in self._trained and set(self._stages_of(w[0])) <= set(stages)}
        if self.is_ready and not was_ready:
            seconds = seconds_since_start()
            logger.info("PLYs can be made, %.1f s after the start", seconds)
            self._seconds_to_ready = self._seconds_to_ready or round(seconds, 1)

    def _stage(self, name: str) -> RunnerClient[Any, Any]:
        stage: RunnerClient[Any, Any] = getattr(self._pipeline.stages, name)
        return stage

    def _stages_of(self, service: str) -> list[str]:
        return [name for name, its in self._services.items() if its == service]

    def _team(self, service: str) -> Team:
        return self._roll.get(service, Team())

    def _has_warm(self, stage: str) -> bool:
        return any(service == self._services[stage] for service, _ in self._warm)

    def _has_trained(self, stage: str) -> bool:
        return any(service == self._services[stage] for service, _ in self._trained)

    def _reason(self, stage: str) -> str:
        service = self._services[stage]
        team = self._team(service)
        said = [describe_restarts(team)] if team.deaths else []
        said += [self._trouble[stage]] if stage in self._trouble else []
        return f"{service}: {', '.join(said) or 'its process is getting ready'}"

    def _describe(self, service: str, team: Team) -> dict[str, Any]:
        described: dict[str, Any] = {"processes": len(team.processes), "restarts": team.restarts}
        if service in self._services.values():
            described["ready"] = sum((service, process) in self._warm for process in team.processes)
        return described | {"last_end": team.deaths[-1].reason if team.deaths else None}


def _is_lost(error: Exception) -> bool:
    return isinstance(error, StageFailedError) and error.failure.kind == "stage_lost"


def describe_restarts(team: Team) -> str:
    """How its last process ended, and how often that happened."""
    count, since = team.recent_deaths, "in the last minute"
    if not count:
        count, since = team.restarts, "since the start"
    return f"{team.deaths[-1].reason}, {count} restart{'s' * (count > 1)} {since}"


def stages_of(product: str) -> tuple[StageName, ...]:
    """What a format needs; only the PLY is made without the stages that make files, a verdict with few."""
    if product == VERDICT:
        return ("matting", "validation")
    return MINING if product == "ply" else NAMES
