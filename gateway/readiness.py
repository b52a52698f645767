"""Whether every runner is warm.

A runner is known by its process. A new process (first start, or a restart after a crash) has its batcher
warmed with no-ops, because BentoML's holds lone requests back during its first dozen calls; then one
rehearsal runs through all stages. Answers come from memory, so a probe never waits for a busy runner.
"""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bentoml
import psutil

from gateway.pipeline import Pipeline
from gateway.stages import Stage
from runners.handover import Handover
from runners.messages import ImageJob, Job, JudgeJob, MatteJob, SplatJob, Status, VideoJob

STATUS_SECONDS = 2.0
PERIOD_SECONDS = 0.5
PERIOD_AFTER_FAILURE_SECONDS = 5.0
NOOP_BURSTS = (1,) * 9 + (2, 3, 4)
REHEARSAL_PROMPT = "pink bicycle"

NOOPS: Mapping[str, Job] = {
    "text_to_image": ImageJob(noop=True),
    "matting": MatteJob(noop=True),
    "image_to_3d": SplatJob(noop=True),
    "validation": JudgeJob(noop=True),
    "video": VideoJob(noop=True),
}

IMPORT_TIME = time.time()

logger = logging.getLogger(__name__)


class Readiness:
    """Watches the runners in the background."""

    def __init__(self, stages: list[Stage[Any, Any]], pipeline: Pipeline, handover: Handover) -> None:
        """Takes what is watched, and what a rehearsal needs."""
        self._stages = stages
        self._pipeline = pipeline
        self._handover = handover
        self._processes: dict[str, set[int]] = {stage.name: set() for stage in stages}
        self._statuses: dict[str, Status] = {}
        self._seconds_to_ready: float | None = None
        self.is_ready = False

    def report(self) -> dict[str, Any]:
        """How long the start took, and what each process said of itself when it was last asked."""
        processes = {status.process: status.model_dump(mode="json") for status in self._statuses.values()}
        for name, status in self._statuses.items():
            processes[status.process].setdefault("stages", []).append(name)
        return {"seconds_to_ready": self._seconds_to_ready, "processes": list(processes.values())}

    async def watch(self) -> None:
        """Runs until cancelled."""
        while True:
            try:
                await self.check()
            except Exception:  # whatever it was, readiness must go on being watched
                logger.exception("warming up failed; trying again")
                self._forget_all()
                await asyncio.sleep(PERIOD_AFTER_FAILURE_SECONDS)
            await asyncio.sleep(PERIOD_SECONDS)

    async def check(self) -> None:
        """Looks at every runner once; warms up what is new."""
        for name, processes in self._processes.items():
            processes -= {process for process in processes if not is_alive(process)}
            if not processes and self.is_ready:
                logger.warning("%s has no process", name)
                self.is_ready = False
        fresh: dict[Stage[Any, Any], int] = {}
        statuses = await asyncio.gather(*map(_ask, self._stages))
        for stage, status in zip(self._stages, statuses, strict=True):
            if status is None:
                continue
            self._statuses[stage.name] = status
            if status.process not in self._processes[stage.name]:
                fresh[stage] = status.process
        await asyncio.gather(*map(warm_batcher, fresh))
        for stage, process in fresh.items():
            self._processes[stage.name].add(process)
            stage.presence.found(process)
        if not all(self._processes.values()):
            self.is_ready = False
        elif fresh:
            await self._rehearse()

    async def _rehearse(self) -> None:
        with self._handover.reserve() as ply:
            await self._pipeline.rehearse(REHEARSAL_PROMPT, Path(ply))
        if self._seconds_to_ready is None:
            self._seconds_to_ready = round(seconds_since_start(), 1)
        if not self.is_ready:
            logger.info("every runner is warm, %.1f s after the start", seconds_since_start())
        self.is_ready = True

    def _forget_all(self) -> None:
        self.is_ready = False
        for processes in self._processes.values():
            processes.clear()


async def _ask(stage: Stage[Any, Any]) -> Status | None:
    """What the runner says of itself; None while it is busy, loading or gone."""
    try:
        return await asyncio.wait_for(stage.status(), STATUS_SECONDS)
    except Exception as error:  # a client has many ways to say that nobody answers
        logger.debug("%s does not answer: %r", stage.name, error)
        return None


async def warm_batcher(stage: Stage[Any, Any]) -> None:
    """Sends the no-ops that train the batcher of each method."""
    for size in NOOP_BURSTS:
        for method in stage.methods:
            await asyncio.gather(*(stage.call(NOOPS[stage.name], method) for _ in range(size)))


def seconds_since_start() -> float:
    """How long the service has been running: its first process is this one's parent."""
    in_server = bentoml.server_context.worker_index is not None
    try:
        created: float = psutil.Process(os.getppid() if in_server else os.getpid()).create_time()
        if (
            sys.platform == "linux"
        ):  # where a date of creation is as coarse as that of the boot: whole seconds
            after_boot: float = created - psutil.boot_time()
            return time.clock_gettime(time.CLOCK_BOOTTIME) - after_boot
    except (psutil.Error, RuntimeError, OSError):  # sandboxes without /proc/stat's boot time
        created = IMPORT_TIME
    return time.time() - created


def is_alive(process: int) -> bool:
    """Whether a process runs; a dead one that nobody has waited for yet does not."""
    try:
        return bool(psutil.Process(process).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
