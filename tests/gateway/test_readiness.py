"""What is ready when parts are missing, with stand-ins for processes and the pipeline."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.batcher import BURSTS
from gateway.pipeline import Stages
from gateway.readiness import Readiness
from gateway.runner_client import RunnerClient, StageFailedError
from runners.formats import FORMATS
from runners.handover import Handover
from runners.jobs import Failure, Job, Result
from runners.messages import FilmJob
from runners.roll import Death, Roll, Team
from runners.status import Status

NAMES = ("text_to_image", "matting", "image_to_3d", "validation", "finishing")


class Process:
    """A model process that counts its jobs."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.noops = self.jobs = 0
        self.answers = True

    @property
    def to_async(self) -> "Process":
        return self

    async def status(self) -> Status:
        if not self.answers:
            raise ConnectionRefusedError
        return Status(process=self.number, device="cpu")

    async def generate(self, jobs: list[Job]) -> list[Result]:
        self.noops += sum(job.noop for job in jobs)
        self.jobs += sum(not job.noop for job in jobs)
        return [Result() for _ in jobs]


class Crew:
    """The processes of all services, as the roll shows them."""

    def __init__(self, matting: int = 1) -> None:
        self.teams: dict[str, Team] = {}
        self.processes: dict[int, Process] = {}
        self.readable = True
        for service in NAMES:
            for _ in range(matting if service == "matting" else 1):
                self.start(service)

    def start(self, service: str) -> Process:
        process = Process(100 + len(self.processes))
        self.processes[process.number] = process
        team = self.teams.get(service, Team())
        self.teams[service] = replace(team, processes=(*team.processes, process.number))
        return process

    def kill(self, service: str, reason: str = "its process ended by signal 9") -> None:
        team = self.teams[service]
        deaths = (*team.deaths, Death(time=time.time(), reason=reason))
        self.teams[service] = Team(processes=team.processes[1:], restarts=team.restarts + 1, deaths=deaths)

    def of(self, service: str) -> list[Process]:
        return [self.processes[number] for number in self.teams[service].processes]

    def roll(self) -> Roll | None:
        return dict(self.teams) if self.readable else None

    async def look_far(self) -> None:
        pass

    async def runner(self, service: str, process: int) -> Any:
        return self.processes[process]


class Way:
    """A pipeline whose rehearsals send a job to every stage."""

    def __init__(self, stages: Stages) -> None:
        self.stages = stages
        self.broken_film: Exception | None = None

    def along(self, stages: Stages) -> "Way":
        way = Way(stages)
        way.broken_film = self.broken_film
        return way

    async def rehearse(self, prompt: str, ply: Path) -> bool:
        for name in NAMES[:-1]:
            await getattr(self.stages, name).call(Job(), "generate")
        return True

    async def rehearse_film(self, ply: Path) -> None:
        if self.broken_film is not None:
            raise self.broken_film
        await self.stages.finishing.call(FilmJob(), "generate")


def watched(crew: Crew, handover: Handover) -> Readiness:
    shared = SimpleNamespace(to_async=SimpleNamespace(generate=answer))
    stages = Stages(**{name: RunnerClient(name, shared, concurrency=2) for name in NAMES})
    return Readiness(Way(stages), handover, crew, {name: name for name in NAMES})  # type: ignore[arg-type]


async def answer(jobs: list[Job]) -> list[Result]:
    return [Result() for _ in jobs]


@pytest.fixture
def handover(tmp_path: Path) -> Iterator[Handover]:
    files = Handover(tmp_path)
    yield files
    files.close()


async def test_every_process_is_trained_and_rehearsed_before_the_service_is_ready(handover: Handover) -> None:
    crew = Crew(matting=3)
    crew.of("matting")[2].answers = False
    readiness = watched(crew, handover)
    await readiness.check()
    assert readiness.lack(("ply",)) == "; ".join(
        f"{name}: its process is getting ready" for name in NAMES[:-1]
    )
    crew.of("matting")[2].answers = True
    await readiness.check()
    assert set(readiness.products().values()) == {"ready"}
    counts = Counter((process.noops, process.jobs) for process in crew.processes.values())
    assert counts == {(sum(BURSTS), 1): 7}


async def test_without_the_film_plys_are_made_and_the_rest_says_why_not(handover: Handover) -> None:
    crew = Crew()
    readiness = watched(crew, handover)
    await readiness.check()
    crew.kill("finishing", "its process ended by signal 9 (SIGKILL)")
    readiness.look()
    assert readiness.is_ready
    missing = "finishing: its process ended by signal 9 (SIGKILL), 1 restart in the last minute"
    assert readiness.products() == dict.fromkeys(FORMATS, missing) | {"ply": "ready"}
    assert readiness.lack(("ply", "glb")) == missing
    for _ in range(6):
        crew.start("finishing")
        crew.kill("finishing", "its process ended by signal 9 (SIGKILL)")
    await readiness.check()
    assert "7 restarts in the last minute" in (readiness.lack(("mp4",)) or "")
    crew.start("finishing")
    await readiness.check()
    assert readiness.lack(("mp4",)) is None


async def test_one_of_two_killed_lowers_capacity_only(handover: Handover) -> None:
    crew = Crew(matting=2)
    readiness = watched(crew, handover)
    await readiness.check()
    crew.kill("matting")
    readiness.look()
    assert readiness.is_ready
    assert readiness.report()["services"]["matting"] == {
        "processes": 1, "ready": 1, "restarts": 1, "last_end": "its process ended by signal 9",
    }  # fmt: skip
    crew.kill("matting")
    readiness.look()
    assert readiness.lack(("ply",)) == "matting: its process ended by signal 9, 2 restarts in the last minute"
    fresh = crew.start("matting")
    await readiness.check()
    assert readiness.is_ready
    assert (fresh.noops, fresh.jobs) == (sum(BURSTS), 1)


async def test_a_look_that_fails_forgets_nobody(handover: Handover) -> None:
    crew = Crew()
    readiness = watched(crew, handover)
    await readiness.check()
    crew.readable = False  # no descriptor is left
    for process in crew.processes.values():
        process.answers = False
    await readiness.check()
    assert set(readiness.products().values()) == {"ready"}
    crew.readable = True
    await readiness.check()
    assert {(process.noops, process.jobs) for process in crew.processes.values()} == {(sum(BURSTS), 1)}


async def test_a_film_that_cannot_be_made_leaves_plys(handover: Handover) -> None:
    crew = Crew()
    readiness = watched(crew, handover)
    readiness._pipeline.broken_film = RuntimeError("no ffmpeg")  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="no ffmpeg"):
        await readiness.check()
    assert readiness.is_ready
    assert readiness.lack(("mp4",)) == "finishing: the rehearsal failed: RuntimeError: no ffmpeg"
    readiness._pipeline.broken_film = None  # type: ignore[attr-defined]
    await readiness.check()
    assert readiness.lack(("mp4",)) is None


async def test_who_dies_in_a_rehearsal_is_named_by_the_end_and_not_by_what_it_broke(
    handover: Handover,
) -> None:
    crew = Crew()
    readiness = watched(crew, handover)
    lost = StageFailedError("finishing", Failure(kind="stage_lost", detail="its process is gone"))
    readiness._pipeline.broken_film = lost  # type: ignore[attr-defined]
    with pytest.raises(StageFailedError):
        await readiness.check()
    crew.kill("finishing")
    readiness.look()
    assert (
        readiness.lack(("mp4",)) == "finishing: its process ended by signal 9, 1 restart in the last minute"
    )


async def test_a_service_that_dies_before_it_was_up_is_not_waited_for(handover: Handover) -> None:
    crew = Crew()
    crew.of("finishing")[0].answers = False
    readiness = watched(crew, handover)
    await readiness.check()
    assert readiness.lack(("ply",)) is not None
    crew.kill("finishing", "CUDA error")
    crew.start("finishing").answers = False
    await readiness.check()
    assert readiness.lack(("ply",)) is None
    assert readiness.lack(("spz",)) == "finishing: CUDA error, 1 restart in the last minute"


def test_the_gateways_process_is_not_mistaken_for_a_runner(handover: Handover) -> None:
    crew = Crew()
    crew.teams["gateway"] = Team(processes=(os.getpid(),))
    readiness = watched(crew, handover)
    readiness.look()
    assert readiness.report()["services"]["gateway"] == {"processes": 1, "restarts": 0, "last_end": None}


async def test_without_room_for_one_object_the_service_is_not_ready_and_says_so(
    handover: Handover, monkeypatch: pytest.MonkeyPatch
) -> None:
    readiness = watched(Crew(), handover)
    await readiness.check()
    assert readiness.products()["ply"] == "ready"
    with monkeypatch.context() as full:
        full.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=100, f_frsize=4096))
        readiness.look()
        assert "has room for 0.4 MiB" in readiness.products()["ply"]
    readiness.look()
    assert readiness.products()["ply"] == "ready"
