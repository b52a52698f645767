"""Processes that die at work: one more try where it may help, else an answer at once."""

import asyncio
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from gateway.admission import Admission
from gateway.attempts import Outcome
from gateway.request import GenerationRequest
from gateway.runner_client import RunnerClient, StageFailedError
from gateway.stopwatch import Stopwatch
from runners.handover import Handover
from runners.jobs import Failure, FailureKind
from runners.messages import ImageJob, ImageResult
from tests.stand_ins.gateway_options import OPTIONS


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """Something that runs until it is killed."""
    started = subprocess.Popen(["sleep", "600"])
    yield started
    started.kill()
    started.wait()


class Runner:
    """A runner's client: each call takes the next behaviour."""

    def __init__(self, *behaviours: Callable[[], object]) -> None:
        self.to_async = self
        self.behaviours = iter(behaviours)
        self.calls = 0

    async def generate(self, jobs: list[ImageJob]) -> list[ImageResult]:
        self.calls += 1
        made = next(self.behaviours)()
        if asyncio.iscoroutine(made):
            await made
        return [ImageResult() for _ in jobs]


async def breaks_off() -> None:
    await asyncio.sleep(0.05)  # later than a connection that had only idled
    raise aiohttp.ServerDisconnectedError


async def hangs() -> None:
    await asyncio.sleep(600)


def answers() -> None:
    """At once."""


def stage_of(
    runner: Runner, process: "subprocess.Popen[bytes]", *, start_seconds: float
) -> RunnerClient[ImageJob, ImageResult]:
    """A stage with one place, whose process took so long to start."""
    stage: RunnerClient[ImageJob, ImageResult] = RunnerClient("text_to_image", runner, concurrency=1)
    stage.presence.found(process.pid)
    stage.presence._start_seconds = start_seconds
    return stage


async def failure_of(stage: RunnerClient[ImageJob, ImageResult], seconds: float = 30.0) -> FailureKind:
    with pytest.raises(StageFailedError) as raised:
        await stage.run(ImageJob(), Stopwatch(seconds))
    return raised.value.failure.kind


async def test_a_job_whose_connection_breaks_is_tried_once_more_where_a_process_is(
    process: "subprocess.Popen[bytes]",
) -> None:
    stage = stage_of(Runner(breaks_off, answers), process, start_seconds=60.0)
    assert (await stage.run(ImageJob(), Stopwatch(30.0))).failure is None


async def test_a_job_that_breaks_its_process_twice_is_lost(process: "subprocess.Popen[bytes]") -> None:
    runner = Runner(breaks_off, breaks_off)
    assert await failure_of(stage_of(runner, process, start_seconds=60.0)) == "stage_lost"
    assert runner.calls == 2


async def test_when_a_process_dies_that_would_be_back_too_late_all_who_wait_hear_at_once(
    process: "subprocess.Popen[bytes]",
) -> None:
    runner = Runner(hangs)
    stage = stage_of(runner, process, start_seconds=60.0)
    waiting = [asyncio.create_task(failure_of(stage)) for _ in range(4)]  # one at work, three behind it
    await asyncio.sleep(0.1)
    process.kill()
    started = time.monotonic()
    assert set(await asyncio.gather(*waiting)) == {"stage_lost"}
    assert await failure_of(stage) == "stage_lost"  # and whoever comes later
    assert time.monotonic() - started < 5.0
    assert runner.calls == 1


async def test_a_job_waits_for_a_process_that_comes_back_in_time(process: "subprocess.Popen[bytes]") -> None:
    runner = Runner(hangs, answers)
    stage = stage_of(runner, process, start_seconds=1.0)
    job = asyncio.create_task(stage.run(ImageJob(), Stopwatch(30.0)))
    await asyncio.sleep(0.1)
    process.kill()
    await asyncio.sleep(0.5)
    assert not job.done()
    other = await asyncio.create_subprocess_exec("sleep", "600")
    stage.presence.found(other.pid)
    assert (await job).failure is None
    other.kill()
    await other.wait()


async def test_the_numbers_of_another_hosts_processes_say_nothing() -> None:
    stage: RunnerClient[ImageJob, ImageResult] = RunnerClient(
        "text_to_image", Runner(answers), concurrency=1, inline=True
    )
    stage.presence.found(2**22 + 1)  # more than any process here has
    assert not stage.presence.is_gone
    assert (await stage.run(ImageJob(), Stopwatch(30.0))).failure is None


async def test_one_of_two_processes_is_enough(process: "subprocess.Popen[bytes]") -> None:
    stage = stage_of(Runner(answers), process, start_seconds=60.0)
    other = await asyncio.create_subprocess_exec("sleep", "600")
    stage.presence.found(other.pid)
    other.kill()
    await other.wait()
    assert (await stage.run(ImageJob(), Stopwatch(30.0))).failure is None


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("out_of_memory", "out_of_memory"),
        ("no_space", "no_space"),
        ("stage_lost", "stage_lost"),
        ("abandoned", "handover_lost"),
    ],
)
async def test_failures_that_pass_are_503_with_retry_after(
    tmp_path: Path, kind: FailureKind, code: str
) -> None:
    class Pipeline:
        async def make_ply(self, *arguments: object, **options: object) -> Outcome:
            raise StageFailedError("matting", Failure(kind=kind, detail="why"))

    handover = Handover(tmp_path)
    admission = Admission(Pipeline(), None, handover, OPTIONS, lambda formats: None)  # type: ignore[arg-type]
    reply = await admission.answer(GenerationRequest(prompt="mug", seed=1))
    handover.close()
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "7")
    assert f'"error":"{code}"'.encode() in bytes(reply.body)
    assert b"matting: why" in bytes(reply.body)
