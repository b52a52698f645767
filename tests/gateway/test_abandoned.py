"""Nobody computes for nobody: places, queues and work in progress when requests are given up."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gateway.pipeline import Pipeline, Stages
from gateway.places import Places
from gateway.request import GenerationRequest, Work
from gateway.runner_client import RunnerClient
from gateway.stopwatch import Stopwatch
from models.sampling import SamplerSettings
from models.sampling.euler import sample
from models.sampling.fields import VelocityField
from models.stopping import between_steps, steps_checked
from rendering.tile_rasterizer import TileRasterizer
from rendering.turntable import TurntableSettings, turntable, turntable_frames
from runners.batching import answer_batch
from runners.formats import Wanted
from runners.handover import Handover
from runners.jobs import Job
from runners.messages import FileResult, ImageJob, JudgeResult, MatteResult, SplatResult
from runners.wanted import each_alone, is_wanted
from tests.stand_ins.fakes import ball


class TestPlaces:
    async def test_a_call_that_is_given_up_keeps_its_place_until_it_is_answered(self) -> None:
        places, answered = Places(1), asyncio.Event()
        called: list[int] = []

        async def call() -> int:
            called.append(len(called))
            number = called[-1]
            await answered.wait()
            return number

        first = asyncio.create_task(places.take(call))
        await asyncio.sleep(0)
        first.cancel()
        second = asyncio.create_task(places.take(call))
        await asyncio.sleep(0.05)
        assert called == [0]
        answered.set()
        assert await second == 1

    async def test_whoever_leaves_while_it_waits_for_a_place_was_never_called(self) -> None:
        places, answered = Places(1), asyncio.Event()
        called: list[int] = []

        async def call(number: int) -> int:
            called.append(number)
            await answered.wait()
            return number

        tasks = [asyncio.create_task(places.take(lambda n=n: call(n))) for n in range(3)]  # type: ignore[misc]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.sleep(0)
        answered.set()
        assert await tasks[0] == 0
        assert await tasks[2] == 2
        assert called == [0, 2]

    async def test_a_call_that_fails_when_nobody_waits_frees_its_place_silently(self) -> None:
        places = Places(1)

        async def fail() -> None:
            await asyncio.sleep(0.02)
            raise ConnectionResetError

        first = asyncio.create_task(places.take(fail))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(ConnectionResetError):
            await places.take(fail)


def jobs_of(folder: Path, count: int) -> list[ImageJob]:
    """Jobs of requests that wait."""
    files = [folder / f"{number}.ply" for number in range(count)]
    for file in files:
        file.touch()
    return [ImageJob(reservation=str(file), seed=number) for number, file in enumerate(files)]


def give_up(job: Job) -> None:
    assert job.reservation is not None
    Path(job.reservation).unlink()


def kinds(results: Sequence[SplatResult]) -> list[str | int]:
    return [result.failure.kind if result.failure else result.num_splats for result in results]


class TestWork:
    def test_jobs_whose_requests_are_gone_are_not_worked_on(self, tmp_path: Path) -> None:
        jobs = jobs_of(tmp_path, 4)
        worked: list[int] = []

        def work(batch: Sequence[ImageJob]) -> list[SplatResult | Exception]:
            worked.extend(job.seed for job in batch)
            return [SplatResult(num_splats=job.seed) for job in batch]

        give_up(jobs[0])
        give_up(jobs[2])
        results = answer_batch([*jobs, ImageJob(noop=True)], SplatResult, work)
        assert worked == [1, 3]
        assert kinds(results) == ["abandoned", 1, "abandoned", 3, 0]

    @pytest.mark.parametrize(("leaving", "steps"), [([0], 10), ([0, 1], 4)])
    def test_a_batch_stops_at_the_next_step_once_none_of_its_jobs_is_wanted(
        self, tmp_path: Path, leaving: list[int], steps: int
    ) -> None:
        jobs = jobs_of(tmp_path, 2)
        done: list[int] = []

        def work(batch: Sequence[ImageJob]) -> list[SplatResult | Exception]:
            for step in range(10):
                between_steps()
                done.append(step)
                if step == 3:
                    for number in leaving:
                        give_up(jobs[number])
            return [SplatResult(num_splats=7) for _ in batch]

        results = answer_batch(jobs, SplatResult, work)
        assert len(done) == steps
        assert kinds(results) == ([7, 7] if steps == 10 else ["abandoned", "abandoned"])

    def test_of_jobs_made_one_after_the_other_each_stops_alone(self, tmp_path: Path) -> None:
        jobs = jobs_of(tmp_path, 3)
        done: list[tuple[int, int]] = []

        def make(job: ImageJob) -> SplatResult:
            for step in range(4):
                between_steps()
                done.append((job.seed, step))
                if done[-1] == (0, 1):
                    give_up(jobs[0])
                    give_up(jobs[1])
            return SplatResult(num_splats=job.seed)

        results = answer_batch(jobs, SplatResult, lambda batch: each_alone(batch, make))
        assert kinds(results) == ["abandoned", "abandoned", 2]
        assert done == [(0, 0), (0, 1), (2, 0), (2, 1), (2, 2), (2, 3)]


class LeftError(Exception):
    """The client, after some steps."""


def after(count: int) -> Callable[[], None]:
    """A check that raises at the step after so many."""
    steps = iter(range(count))

    def check() -> None:
        if next(steps, None) is None:
            raise LeftError

    return check


class TestSteps:
    def test_a_flow_asks_before_each_step(self) -> None:
        class Field(VelocityField):
            asked = 0

            def conditional(self, x: torch.Tensor, step: int) -> torch.Tensor:
                self.asked += 1
                return x

            def guided(self, x: torch.Tensor, step: int) -> tuple[torch.Tensor, torch.Tensor]:
                raise NotImplementedError

        field, settings = Field(), SamplerSettings(steps=8, cfg_strength=0.0)
        with pytest.raises(LeftError), steps_checked(after(3)):
            sample(field, torch.randn(2, 4), settings)
        assert field.asked == 3

    def test_a_film_asks_before_each_few_frames(self) -> None:
        class Renderer(TileRasterizer):
            drawn = 0

            def render(self, gaussians: Any, cameras: Any, background: Sequence[float] = ()) -> torch.Tensor:
                self.drawn += cameras.num_views
                return torch.zeros(cameras.num_views, 8, 8, 3, dtype=torch.uint8)

        renderer, path = Renderer(), turntable(TurntableSettings(seconds=4.0, fps=10, size=64))
        frames = turntable_frames(ball((1.0, 0.0, 0.0), 0), path, renderer, views_at_once=4)
        with pytest.raises(LeftError), steps_checked(after(2)):
            list(frames)
        assert renderer.drawn <= 12  # of 40


class Recorder:
    """A runner's client that notes the jobs it gets, and whether somebody waited for them."""

    def __init__(self, seen: list[tuple[Job, bool]], result: Any) -> None:
        self.to_async, self.seen, self.result = self, seen, result

    async def generate(self, jobs: list[Job]) -> list[Any]:
        self.seen += [(job, is_wanted(job)) for job in jobs]
        return [self.result for _ in jobs]


@pytest.fixture
def handover(tmp_path: Path) -> Iterator[Handover]:
    handover = Handover(tmp_path)
    yield handover
    handover.close()


async def test_every_job_of_every_stage_names_a_reservation_that_goes_with_its_request(
    handover: Handover,
) -> None:
    seen: list[tuple[Job, bool]] = []
    image = MatteResult(image=np.zeros((1, 1, 4), np.uint8))
    results = {
        "text_to_image": image,
        "matting": image,
        "image_to_3d": SplatResult(),
        "validation": JudgeResult(passed=True, convincing=True),
        "finishing": FileResult(),
    }
    stages: dict[str, Any] = {
        name: RunnerClient(name, Recorder(seen, result), concurrency=1) for name, result in results.items()
    }
    pipeline = Pipeline(Stages(**stages), handover, max_retries=0, meshes=True)
    with handover.reserve() as files:
        formats = ("mp4", "spz", "glb")
        request = GenerationRequest(prompt="mug", seed=1, formats=formats, wanted=Wanted(pixels=64))
        work = Work(request=request, files=files, watch=Stopwatch())
        await pipeline.make_ply(work)
        for name in formats:
            await pipeline.make_file(work, name)
        await pipeline.rehearse("mug", files)
        await pipeline.rehearse_film(files)
    assert len(seen) == 4 + 1 + 1 + 2 + 7
    assert all(waited for _, waited in seen)
    assert {job.reservation for job, _ in seen} == {str(files.ply)}
    assert not files.ply.exists()
