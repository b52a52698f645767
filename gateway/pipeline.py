"""Prompt or picture to a validated PLY file: the order of the stages, and what happens when one fails.

    prompt, seed -> text_to_image -> matting -> image_to_3d -> PLY file -> validation -> done
         picture, seed -----------------^  ^
cut-out picture, seed _____________________|      (a prompt beside a picture is for validation alone)
                          ^____________ new seed ____________________________| not passed, or nothing found

Stages are awaited one by one, so those of different requests overlap.

A result that passes but does not convince (`validation.verdict`) may be made once more, and the better one is
kept: where the request named no seed (one that is named is that object's name), a retry is left, and so is
time.
"""

import asyncio
import logging
import math
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from bentoml.exceptions import BentoMLException

from configuration.stages import NAMES
from gateway.film_times import FilmTimes
from gateway.metrics import REJECTIONS
from gateway.parameters import MAX_SEED, RANDOM_SEED
from gateway.pictures.decoding import Pixels
from gateway.stages import Stage, StageFailedError, Stopwatch
from runners.formats import FORMATS, Source, Wanted
from runners.handover import Handover, Reservation
from runners.messages import (
    FileJob,
    FileResult,
    FilmJob,
    GlbJob,
    ImageJob,
    ImageResult,
    JudgeJob,
    JudgeResult,
    MatteJob,
    MatteResult,
    MeshJob,
    MeshResult,
    SplatFileJob,
    SplatJob,
    SplatResult,
    ViewJob,
)

TELLING, TELLING_FRAMES = 512, 6  # pixels and frames of a film whose time tells of others
LABELS: Mapping[Source, str] = {"film": "video", "mesh": "mesh"}  # in `Server-Timing`; else its format
JOBS: Mapping[Source, type[FileJob]] = {"splats": SplatFileJob, "film": FilmJob, "view": ViewJob}
SPARE_FACTOR = 1.5  # a second attempt starts if this many times the first one's time can be spared

logger = logging.getLogger(__name__)


class Stages(SimpleNamespace):
    """Every runner of the table of stages; the types of those that are called in this file."""

    text_to_image: Stage[ImageJob, ImageResult]
    matting: Stage[MatteJob, MatteResult]
    image_to_3d: Stage[SplatJob | MeshJob, SplatResult | MeshResult]
    validation: Stage[JudgeJob, JudgeResult]
    finishing: Stage[FileJob, FileResult]

    def __init__(self, **stages: Stage[Any, Any]) -> None:
        """Takes them by name.

        Raises:
            TypeError: One is missing, or the table has none of that name.
        """
        if set(stages) != set(NAMES):
            raise TypeError(f"the stages are {', '.join(NAMES)}, not {', '.join(stages)}")
        super().__init__(**stages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the attempts ended.

    Attributes:
        seed: Of the last attempt; asking with it gives the same object at once.
        rejection: Why the last attempt was not good enough; None if it was.
        failed: The gate or score of validation, or the kind of failure, that the reason is about; in a word.
        verdict: On the last attempt's object; an empty one if there is none.
    """

    seed: int
    rejection: str | None
    failed: str | None = None
    verdict: JudgeResult = field(default_factory=JudgeResult)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What every attempt at one object has in common."""

    prompt: str | None
    picture: Pixels | None
    files: Reservation
    watch: Stopwatch
    keep_latents: bool
    exact: bool = False


class Pipeline:
    """The way from a prompt to a result."""

    def __init__(
        self,
        stages: Stages,
        handover: Handover,
        *,
        max_retries: int,
        meshes: bool = False,
        film_times: FilmTimes | None = None,
    ) -> None:
        """Takes the runners and their files, and what is made of them.

        Args:
            stages: The runners.
            handover: Where a second attempt's files are.
            max_retries: How often an attempt is repeated.
            meshes: Whether meshes can be made.
            film_times: Learns how long films take; None bounds no size.
        """
        self.stages = stages
        self._handover = handover
        self._mesh_decoder = stages.image_to_3d.called("mesh_decoder")
        self.film_times = film_times or FilmTimes(num_frames=1, deadline_seconds=math.inf)
        self._meshes = meshes
        self._max_retries = max_retries

    async def make_ply(
        self,
        prompt: str | None,
        seed: int,
        files: Reservation,
        watch: Stopwatch,
        *,
        picture: Pixels | None = None,
        keep_latents: bool = False,
        exact: bool = False,
        spare_seconds: Callable[[], float] = lambda: 0.0,
    ) -> Outcome:
        """Fills the reserved PLY with an object that passed validation, or says why not.

        Args:
            prompt: What to make; None where a picture says it.
            seed: -1 picks one.
            files: The request's.
            watch: Collects the stages' times.
            picture: What to make, RGB, or RGBA of a cut-out object.
            keep_latents: Keep the latents beside the PLY; a mesh is made of them.
            exact: Share no batch with other requests, so that the bytes are those of any exact request.
            spare_seconds: What a second attempt at an object that passed may take, from now.

        Raises:
            StageFailedError: A failure that another seed cannot cure.
        """
        order = _Order(
            prompt=prompt, picture=picture, files=files, watch=watch, keep_latents=keep_latents, exact=exact
        )
        outcome = Outcome(seed=seed, rejection="no attempt")
        following, took = seeds(seed, 1 + self._max_retries), 0.0
        for attempt_seed in following:
            started = time.perf_counter()
            outcome = await self._attempt(order, attempt_seed)
            took = time.perf_counter() - started
            if outcome.rejection is None:
                break
            REJECTIONS.labels(outcome.failed).inc()
            logger.info("seed %d was rejected: %s", attempt_seed, outcome.rejection)
        next_seed = next(following, None)
        doubtful = outcome.rejection is None and not outcome.verdict.convincing
        if doubtful and next_seed is not None and seed == RANDOM_SEED:
            limit = spare_seconds()
            if limit >= SPARE_FACTOR * took:
                return await self._better(outcome, order, next_seed, limit)
        return outcome

    async def _better(self, first: Outcome, order: _Order, seed: int, limit: float) -> Outcome:
        """The better of an object that passed and of a second attempt, which may take `limit` seconds."""
        with self._handover.reserve() as other:
            try:
                async with asyncio.timeout(limit):
                    second = await self._attempt(replace(order, files=other), seed)
            except (TimeoutError, StageFailedError, BentoMLException) as error:
                logger.warning("the first of two attempts is kept, the second one failed: %r", error)
                return first
            ranks = first.verdict.rank, second.verdict.rank
            better = ranks[1] > ranks[0]
            if better:
                order.files.take_over(other)
        scores = [made.alignment if order.picture is None else made.similarity for made in ranks]
        logger.info("likeness %.3f, once more %.3f", *scores)
        return second if better else first

    async def make_file(
        self, name: str, files: Reservation, wanted: Wanted, watch: Stopwatch, *, exact: bool = False
    ) -> FileResult:
        """A file of the object that was made, whose latents were kept if it is a mesh."""
        source, ply = FORMATS[name].source, str(files.ply)
        job: FileJob
        if source == "mesh":
            await self._decode_mesh(files, watch, exact=exact)
            job = GlbJob(exact=exact, reservation=ply, ply=ply, mesh=str(files.mesh), wanted=wanted)
        else:
            job = JOBS[source](exact=exact, reservation=ply, ply=ply, format=name, wanted=wanted)
        made = await self.stages.finishing.called(LABELS.get(source, name)).run(job, watch)
        if source == "film":
            self.film_times.note(wanted.pixels, made.timings.get("film", 0.0))
        return made

    async def _decode_mesh(self, files: Reservation, watch: Stopwatch, *, exact: bool = False) -> None:
        job = MeshJob(
            exact=exact, reservation=str(files.ply), latents=str(files.latents), mesh=str(files.mesh)
        )
        await self._mesh_decoder.run(job, watch)

    def along(self, stages: Stages) -> "Pipeline":
        """The same way through other clients of the runners."""
        return Pipeline(
            stages,
            self._handover,
            max_retries=self._max_retries,
            meshes=self._meshes,
            film_times=self.film_times,
        )

    async def rehearse(self, prompt: str, files: Reservation) -> bool:
        """One run to a PLY, so that the first request finds everything warm; whether there is an object.

        Raises:
            StageFailedError: No PLY can be made.
        """
        watch = Stopwatch(0.0)  # which waits for no process that is gone
        order = _Order(prompt=prompt, picture=None, files=files, watch=watch, keep_latents=self._meshes)
        outcome = await self._attempt(order, 0)
        logger.info("rehearsal: %s", watch.header())
        return outcome.rejection is None

    async def rehearse_film(self, files: Reservation) -> None:
        """The same for what follows a PLY: a short film of the object in it, and its mesh.

        Raises:
            StageFailedError: Neither can be made.
        """
        watch, ply = Stopwatch(0.0), str(files.ply)
        short = FilmJob(reservation=ply, ply=ply, max_frames=2)
        await self.stages.finishing.run(short, watch)
        telling = FilmJob(reservation=ply, ply=ply, wanted=Wanted(pixels=TELLING), max_frames=TELLING_FRAMES)
        made = await self.stages.finishing.run(telling, watch)
        self.film_times.note(TELLING, made.timings.get("film", 0.0), TELLING_FRAMES)
        if self._meshes:
            await self._decode_mesh(files, watch)  # the rest is rehearsed where it runs
        logger.info("rehearsal: %s", watch.header())

    async def _cut_out(self, order: _Order, seed: int) -> Pixels | None:
        """The object that the 3D stage gets, RGBA."""
        stages, ply, exact = self.stages, str(order.files.ply), order.exact
        image = order.picture
        if image is None:
            job = ImageJob(exact=exact, reservation=ply, prompt=order.prompt or "", seed=seed)
            image = (await stages.text_to_image.run(job, order.watch)).image
        elif image.shape[2] == 4:
            return image
        matte = await stages.matting.run(MatteJob(exact=exact, reservation=ply, image=image), order.watch)
        return matte.image

    async def _attempt(self, order: _Order, seed: int) -> Outcome:
        """What became of one seed."""
        stages, ply, watch, exact = self.stages, str(order.files.ply), order.watch, order.exact
        try:
            cut_out = await self._cut_out(order, seed)
            latents = str(order.files.latents) if order.keep_latents else None
            splat_job = SplatJob(
                exact=exact, reservation=ply, image=cut_out, seed=seed, ply=ply, latents=latents
            )
            await stages.image_to_3d.run(splat_job, watch)
            judge_job = JudgeJob(
                exact=exact,
                reservation=ply,
                prompt=order.prompt,
                picture=None if order.picture is None else cut_out,
                ply=ply,
            )
            verdict = await stages.validation.run(judge_job, watch)
        except StageFailedError as error:
            if error.failure.is_worth_retrying:
                kind = error.failure.kind
                return Outcome(seed=seed, rejection=f"{kind}: {error.failure.detail}", failed=kind)
            raise
        rejection = None if verdict.passed else verdict.reason or "not passed"
        return Outcome(seed=seed, rejection=rejection, failed=verdict.gate, verdict=verdict)


def seeds(first: int, count: int) -> Iterator[int]:
    """The seeds of the attempts: the one asked for, then ones that follow from it (a run can be repeated)."""
    seed = secrets.randbelow(MAX_SEED + 1) if first == RANDOM_SEED else first
    for _ in range(count):
        yield seed
        seed = (seed * 1_664_525 + 1_013_904_223) % (MAX_SEED + 1)
