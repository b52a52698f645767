"""A result that passes but resembles its prompt little is made once more; the better one is served."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bentoml.exceptions import ServiceUnavailable
from starlette.responses import Response

from gateway.admission import Admission
from gateway.attempts import AttemptTimes, Outcome, until_passed
from gateway.parameters import RANDOM_SEED
from gateway.pipeline import Pipeline, Stages
from gateway.request import GenerationRequest, Work
from gateway.stopwatch import Stopwatch
from runners.handover import Handover
from runners.messages import JudgeResult, SplatResult
from tests.stand_ins.gateway_options import OPTIONS

BELOW = 0.1


class FakeStage:
    """Answers jobs by a function."""

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        self.answer = answer

    def renamed(self, method: str) -> "FakeStage":
        return self

    async def run(self, job: Any, watch: Stopwatch) -> Any:
        made = self.answer(job)
        return await made if asyncio.iscoroutine(made) else made


class Objects:
    """Attempts in order: each writes its number into the PLY and gets the next alignment, or raises it."""

    def __init__(
        self,
        alignments: Sequence[float | Exception | None],
        seconds: float = 0.0,
        whole: Sequence[bool] = (True, True),
    ) -> None:
        self.alignments = list(alignments)
        self.whole = whole
        self.seconds = [0.0, seconds]
        self.made = 0

    async def make(self, job: Any) -> SplatResult:
        self.made += 1
        write(job.ply, f"object {self.made}")
        write(job.latents, f"latents {self.made}")
        await asyncio.sleep(self.seconds[self.made - 1])
        return SplatResult(num_splats=7000)

    def judge(self, job: Any) -> JudgeResult:
        alignment = self.alignments[self.made - 1]
        if isinstance(alignment, Exception):
            raise alignment
        passed = alignment is not None
        reason = None if passed else "alignment"
        whole = self.whole[self.made - 1]
        convincing = whole and alignment is not None and alignment >= BELOW
        return JudgeResult(passed=passed, reason=reason, alignment=alignment, convincing=convincing)

    def pipeline(self, handover: Handover, *, max_retries: int = 1) -> Pipeline:
        blank = FakeStage(lambda job: _Image())
        stages = Stages(
            text_to_image=blank,  # type: ignore[arg-type]
            matting=blank,  # type: ignore[arg-type]
            image_to_3d=FakeStage(self.make),  # type: ignore[arg-type]
            validation=FakeStage(self.judge),  # type: ignore[arg-type]
            finishing=blank,  # type: ignore[arg-type]
        )
        return Pipeline(stages, handover, max_retries=max_retries)


class _Image:
    image = np.zeros((1, 1, 4), np.uint8)


def write(file: str | None, text: str) -> None:
    if file is not None:
        Path(file).write_text(text)


def read(file: Path) -> str:
    return file.read_text()


def left_in(folder: Path) -> list[Path]:
    return list(folder.rglob("*.ply"))


@pytest.fixture
def handover(tmp_path: Path) -> Iterator[Handover]:
    handover = Handover(tmp_path)
    yield handover
    handover.close()


async def made(
    objects: Objects,
    handover: Handover,
    *,
    seed: int = RANDOM_SEED,
    spare_seconds: float = 10.0,
    **options: Any,
) -> tuple[Outcome, str, str]:
    """How it ended, and the two files."""
    with handover.reserve() as files:
        request = GenerationRequest(prompt="mug", seed=seed, formats=("glb",))
        outcome = await objects.pipeline(handover, **options).make_ply(
            Work(request=request, files=files, watch=Stopwatch()), spare_seconds=lambda: spare_seconds
        )
        return outcome, read(files.ply), read(files.latents)


@pytest.mark.parametrize(("second", "kept"), [(0.07, 2), (0.9, 2), (0.01, 1), (None, 1)])
async def test_the_better_of_two_is_kept_with_its_latents_and_its_seed(
    handover: Handover, tmp_path: Path, second: float | None, kept: int
) -> None:
    first_alone = await made(Objects([0.05]), handover, seed=7)
    assert first_alone[0] == Outcome(seed=7, rejection=None, verdict=JudgeResult(passed=True, alignment=0.05))
    objects = Objects([0.05, second])
    outcome, ply, latents = await made(objects, handover)
    assert objects.made == 2
    assert (ply, latents) == (f"object {kept}", f"latents {kept}")
    assert outcome.rejection is None
    assert outcome.verdict.alignment == (second if kept == 2 else 0.05)
    assert not left_in(tmp_path)


@pytest.mark.parametrize(
    ("alignments", "whole", "kept"),
    [
        ((0.5, 0.3), (False, True), 2),  # in one piece, and good enough
        ((0.5, 0.05), (False, True), 1),  # in one piece, but something else
        ((0.5, 0.6), (False, False), 2),
        ((0.05, 0.6), (True, False), 2),
    ],
)
async def test_an_object_in_pieces_is_made_again(
    handover: Handover, alignments: tuple[float, float], whole: tuple[bool, bool], kept: int
) -> None:
    objects = Objects(alignments, whole=whole)
    _, ply, _ = await made(objects, handover)
    assert (objects.made, ply) == (2, f"object {kept}")


async def test_an_object_that_convinces_is_not_made_again(handover: Handover) -> None:
    objects = Objects([BELOW, 0.9])
    outcome, ply, _ = await made(objects, handover)
    assert (objects.made, ply, outcome.verdict.alignment) == (1, "object 1", BELOW)


@pytest.mark.parametrize(
    "options",
    [
        {"seed": 7},
        {"max_retries": 0},
        {"spare_seconds": 0.0},
    ],
    ids=["a seed was named", "no retry is left", "no time"],
)
async def test_there_is_no_second_attempt_when(handover: Handover, options: dict[str, Any]) -> None:
    objects = Objects([0.05, 0.9])
    outcome, ply, _ = await made(objects, handover, **options)
    assert (objects.made, ply, outcome.verdict.alignment) == (1, "object 1", 0.05)


async def test_a_retry_after_a_failure_was_the_only_one(handover: Handover) -> None:
    objects = Objects([None, 0.05])
    outcome, ply, _ = await made(objects, handover)
    assert (objects.made, ply, outcome.rejection) == (2, "object 2", None)


async def test_a_second_attempt_that_takes_too_long_or_fails_costs_nothing(
    handover: Handover, tmp_path: Path
) -> None:
    for objects in (Objects([0.05, 0.9], seconds=5.0), Objects([0.05, ServiceUnavailable("busy")])):
        outcome, ply, _ = await made(objects, handover, spare_seconds=0.1)
        assert (objects.made, ply, outcome.verdict.alignment) == (2, "object 1", 0.05)
    assert not left_in(tmp_path)


async def test_others_in_work_and_a_near_deadline_leave_no_time_for_it(handover: Handover) -> None:
    class Responses:
        async def respond(self, work: Work) -> Response:
            return Response(read(work.files.ply))

    async def answers(count: int, deadline_seconds: float) -> set[bytes]:
        objects = [Objects([0.05, 0.9]) for _ in range(count)]
        for item in objects:
            item.seconds = [0.1, 0.0]
        pipelines = [item.pipeline(handover) for item in objects]
        options = replace(OPTIONS, deadline_seconds=deadline_seconds)
        admission = Admission(_Each(pipelines), Responses(), handover, options, lambda formats: None)  # type: ignore[arg-type]
        asked = [admission.answer(GenerationRequest(prompt="mug")) for _ in objects]
        return {bytes(reply.body) for reply in await asyncio.gather(*asked)}

    assert await answers(1, 5.0) == {b"object 2"}
    assert b"object 1" in await answers(2, 5.0)  # the one that is done last is alone by then
    assert await answers(1, 0.35) == {b"object 1"}


class _Each:
    """Another pipeline for each request."""

    def __init__(self, pipelines: Sequence[Pipeline]) -> None:
        self._next = iter(pipelines)

    async def make_ply(self, *arguments: Any, **options: Any) -> Outcome:
        return await next(self._next).make_ply(*arguments, **options)


async def settled(alignments: Sequence[float | None], *, left: Sequence[float]) -> tuple[Outcome, int]:
    """What comes of attempts of 10 s each, with so many seconds left after each; and how many were made."""
    times, seconds, made = AttemptTimes(), iter(left), 0
    times.note(10.0)

    async def attempt(seed: int) -> Outcome:
        nonlocal made
        made += 1
        alignment = alignments[made - 1]
        if alignment is None:
            return Outcome(seed=seed, rejection="empty_matte: nothing", failed="empty_matte")
        passed = alignment > 0
        verdict = JudgeResult(passed=passed, alignment=alignment, gate=None if passed else "alignment")
        return Outcome(
            seed=seed, rejection=None if passed else "alignment", failed=verdict.gate, verdict=verdict
        )

    outcome, _ = await until_passed(attempt, iter(range(5)), times, lambda: next(seconds))
    return outcome, made


async def test_another_attempt_starts_only_if_it_fits_into_what_is_left() -> None:
    assert (await settled([-0.5, 0.5], left=[10.1]))[1] == 2
    outcome, made = await settled([-0.5, 0.5], left=[9.9])
    assert (made, outcome.rejection, outcome.seed) == (1, "alignment", 0)
    outcome, made = await settled([None, 0.5], left=[9.9])  # that an attempt broke off early tells nothing
    assert (made, outcome.failed) == (1, "empty_matte")


async def test_of_attempts_that_failed_the_best_one_is_told() -> None:
    outcome, made = await settled([-0.5, -0.1, None, -0.3, -0.2], left=[99.0] * 5)
    assert (made, outcome.seed, outcome.verdict.alignment) == (5, 1, -0.1)
    outcome, _ = await settled([None] * 5, left=[99.0] * 5)
    assert outcome.seed == 4  # of equal ones the last


def test_the_longest_of_the_last_few_attempts_is_expected() -> None:
    times = AttemptTimes()
    assert times.expected == 0.0
    for seconds in (30.0, *[2.0] * 6, 3.0):
        times.note(seconds)
    assert times.expected == 30.0
    times.note(1.0)
    assert times.expected == 3.0  # the slow one is long ago
