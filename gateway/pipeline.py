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
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

from bentoml.exceptions import BentoMLException

from configuration.stages import NAMES
from gateway.attempts import AttemptTimes, Outcome, seeds, until_passed
from gateway.film_times import FilmTimes
from gateway.parameters import RANDOM_SEED
from gateway.pictures.decoding import Pixels
from gateway.request import GenerationRequest, Work
from gateway.runner_client import RunnerClient, StageFailedError
from gateway.scores import observe
from gateway.stopwatch import Stopwatch
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

    text_to_image: RunnerClient[ImageJob, ImageResult]
    matting: RunnerClient[MatteJob, MatteResult]
    image_to_3d: RunnerClient[SplatJob | MeshJob, SplatResult | MeshResult]
    validation: RunnerClient[JudgeJob, JudgeResult]
    finishing: RunnerClient[FileJob, FileResult]

    def __init__(self, **stages: RunnerClient[Any, Any]) -> None:
        """Takes them by name.

        Raises:
            TypeError: One is missing, or the table has none of that name.
        """
        if set(stages) != set(NAMES):
            raise TypeError(f"the stages are {', '.join(NAMES)}, not {', '.join(stages)}")
        super().__init__(**stages)


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
        self._mesh_decoder = stages.image_to_3d.renamed("mesh_decoder")
        self.film_times = film_times or FilmTimes(num_frames=1, deadline_seconds=math.inf)
        self._meshes = meshes
        self._max_retries = max_retries
        self._attempt_times = AttemptTimes()

    async def make_ply(self, work: Work, *, spare_seconds: Callable[[], float] = lambda: 0.0) -> Outcome:
        """Fills the reserved PLY with an object that passed validation, or says why not.

        Args:
            work: The request; its latents are kept beside the PLY if a mesh is wanted.
            spare_seconds: What a second attempt at an object that passed may take, from now.

        Raises:
            StageFailedError: A failure that another seed cannot cure.
        """
        following = seeds(work.request.seed, 1 + self._max_retries)
        outcome, took = await until_passed(
            partial(self._attempt, work), following, self._attempt_times, lambda: work.watch.remaining
        )
        next_seed = next(following, None)
        if next_seed is None or work.request.seed != RANDOM_SEED or not outcome.is_doubtful:
            return outcome
        limit = spare_seconds()
        if limit < SPARE_FACTOR * took:
            return outcome
        return await self._better(outcome, work, next_seed, limit)

    async def _better(self, first: Outcome, work: Work, seed: int, limit: float) -> Outcome:
        """The better of an object that passed and of a second attempt, which may take `limit` seconds."""
        with self._handover.reserve() as other:
            try:
                async with asyncio.timeout(limit):
                    second = await self._attempt(replace(work, files=other), seed)
                    observe(second.verdict)
            except (TimeoutError, StageFailedError, BentoMLException) as error:
                logger.warning("the first of two attempts is kept, the second one failed: %r", error)
                return first
            ranks = first.verdict.rank, second.verdict.rank
            better = ranks[1] > ranks[0]
            if better:
                work.files.take_over(other)
        scores = [made.alignment if work.request.picture is None else made.similarity for made in ranks]
        logger.info("likeness %.3f, once more %.3f", *scores)
        return second if better else first

    async def make_file(self, work: Work, name: str) -> FileResult:
        """A file of the object that was made, by the name of its format."""
        source, ply, wanted = FORMATS[name].source, str(work.files.ply), work.request.wanted
        job: FileJob
        if source == "mesh":
            await self._decode_mesh(work)
            job = work.job(GlbJob, ply=ply, mesh=str(work.files.mesh), wanted=wanted)
        else:
            job = work.job(JOBS[source], ply=ply, format=name, wanted=wanted)
        made = await self.stages.finishing.renamed(LABELS.get(source, name)).run(job, work.watch)
        if source == "film":
            self.film_times.note(wanted.pixels, made.timings.get("film", 0.0))
        return made

    async def _decode_mesh(self, work: Work) -> None:
        job = work.job(MeshJob, latents=str(work.files.latents), mesh=str(work.files.mesh))
        await self._mesh_decoder.run(job, work.watch)

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
        work = self._rehearsal(files, prompt)
        outcome = await self._attempt(work, 0)
        logger.info("rehearsal: %s", work.watch.header())
        return outcome.rejection is None

    async def rehearse_film(self, files: Reservation) -> None:
        """The same for what follows a PLY: a short film of the object in it, and its mesh.

        Raises:
            StageFailedError: Neither can be made.
        """
        work, finishing = self._rehearsal(files), self.stages.finishing
        short = work.job(FilmJob, ply=str(files.ply), max_frames=2)
        await finishing.run(short, work.watch)
        telling = short.model_copy(update={"wanted": Wanted(pixels=TELLING), "max_frames": TELLING_FRAMES})
        made = await finishing.run(telling, work.watch)
        self.film_times.note(TELLING, made.timings.get("film", 0.0), TELLING_FRAMES)
        if self._meshes:
            await self._decode_mesh(work)  # the rest is rehearsed where it runs
        logger.info("rehearsal: %s", work.watch.header())

    def _rehearsal(self, files: Reservation, prompt: str = "") -> Work:
        """Work that waits for no process that is gone."""
        request = GenerationRequest(prompt=prompt, formats=("glb",) if self._meshes else ("ply",))
        return Work(request=request, files=files, watch=Stopwatch(0.0))

    async def _cut_out(self, work: Work, seed: int) -> Pixels | None:
        """The object that the 3D stage gets, RGBA."""
        image = work.request.picture
        if image is None:
            job = work.job(ImageJob, prompt=work.request.prompt, seed=seed)
            image = (await self.stages.text_to_image.run(job, work.watch)).image
        elif image.shape[2] == 4:
            return image
        matte = await self.stages.matting.run(work.job(MatteJob, image=image), work.watch)
        return matte.image

    async def _attempt(self, work: Work, seed: int) -> Outcome:
        """What became of one seed."""
        request, ply = work.request, str(work.files.ply)
        latents = str(work.files.latents) if request.wants_mesh else None
        try:
            cut_out = await self._cut_out(work, seed)
            splat_job = work.job(SplatJob, image=cut_out, seed=seed, ply=ply, latents=latents)
            await self.stages.image_to_3d.run(splat_job, work.watch)
            sent = None if request.picture is None else cut_out
            judge_job = work.job(JudgeJob, prompt=request.prompt or None, picture=sent, ply=ply)
            verdict = await self.stages.validation.run(judge_job, work.watch)
        except StageFailedError as error:
            if error.failure.is_worth_retrying:
                kind = error.failure.kind
                return Outcome(seed=seed, rejection=f"{kind}: {error.failure.detail}", failed=kind)
            raise
        rejection = None if verdict.passed else verdict.reason or "not passed"
        return Outcome(seed=seed, rejection=rejection, failed=verdict.gate, verdict=verdict)
