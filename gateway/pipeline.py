"""Prompt to a validated PLY file: the order of the stages, and what happens when one fails.

    prompt, seed -> text_to_image -> matting -> image_to_3d -> PLY file -> validation -> done
                          ^____________ new seed ____________________________| not passed, or nothing found

Stages are awaited one by one, so those of different requests overlap.
"""

import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.parameters import MAX_SEED, RANDOM_SEED
from gateway.stages import Stage, StageFailedError, Stopwatch
from runners.messages import (
    ImageJob,
    ImageResult,
    JudgeJob,
    JudgeResult,
    MatteJob,
    MatteResult,
    SplatJob,
    SplatResult,
    VideoJob,
    VideoResult,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """Every runner."""

    text_to_image: Stage[ImageJob, ImageResult]
    matting: Stage[MatteJob, MatteResult]
    image_to_3d: Stage[SplatJob, SplatResult]
    validation: Stage[JudgeJob, JudgeResult]
    video: Stage[VideoJob, VideoResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the attempts ended.

    Attributes:
        seed: Of the last attempt; asking with it gives the same object at once.
        rejection: Why the last attempt was not good enough; None if it was.
    """

    seed: int
    rejection: str | None


class Pipeline:
    """The way from a prompt to a result."""

    def __init__(self, stages: Stages, *, max_retries: int, meshes: bool = False) -> None:
        """Takes the runners, how often a failed attempt is repeated, and whether meshes can be made."""
        self.stages = stages
        self._mesh_decoder = stages.image_to_3d.called("mesh_decoder")
        self._mesh = stages.video.called("mesh")
        self._spz = stages.video.called("spz")
        self._meshes = meshes
        self._max_retries = max_retries

    async def make_ply(
        self, prompt: str, seed: int, ply: Path, watch: Stopwatch, *, keep_latents: bool = False
    ) -> Outcome:
        """Fills the reserved file `ply` with an object that passed validation, or says why not.

        `make_glb` needs the latents to be kept, beside the PLY.

        Raises:
            StageFailedError: A failure that another seed cannot cure.
        """
        outcome = Outcome(seed=seed, rejection="no attempt")
        for attempt_seed in seeds(seed, 1 + self._max_retries):
            rejection = await self._attempt(prompt, attempt_seed, ply, watch, keep_latents)
            outcome = Outcome(seed=attempt_seed, rejection=rejection)
            if rejection is None:
                break
            logger.info("seed %d was rejected: %s", attempt_seed, rejection)
        return outcome

    async def make_video(self, ply: Path, size: int, watch: Stopwatch) -> bytes:
        """Films the object in `ply`."""
        video = await self.stages.video.run(VideoJob(ply=str(ply), size=size), watch)
        return video.mp4

    async def make_glb(self, ply: Path, watch: Stopwatch) -> tuple[bytes, bool]:
        """The mesh of the object in `ply`, whose latents were kept, and whether its surface is closed."""
        mesh = await self._decode_mesh(ply, watch)
        made = await self._mesh.run(VideoJob(product="glb", ply=str(ply), mesh=mesh), watch)
        return made.file, made.watertight is True

    async def _decode_mesh(self, ply: Path, watch: Stopwatch) -> str:
        latents, mesh = (str(ply.with_suffix(suffix)) for suffix in (".latents", ".mesh"))
        await self._mesh_decoder.run(SplatJob(latents=latents, mesh=mesh), watch)
        return mesh

    async def make_spz(self, ply: Path, watch: Stopwatch) -> bytes:
        """Compresses the object in `ply`."""
        return (await self._spz.run(VideoJob(product="spz", ply=str(ply)), watch)).file

    async def rehearse(self, prompt: str, ply: Path) -> None:
        """One small run through every stage, so that the first request finds everything warm.

        Raises:
            StageFailedError: The service cannot work.
        """
        watch = Stopwatch()
        rejection = await self._attempt(prompt, 0, ply, watch, self._meshes)
        if rejection is None:
            await self.stages.video.run(VideoJob(ply=str(ply), max_frames=2), watch)
            if self._meshes:
                await self._decode_mesh(ply, watch)  # the rest is rehearsed where it runs
        logger.info("rehearsal: %s", watch.header())

    async def _attempt(
        self, prompt: str, seed: int, ply: Path, watch: Stopwatch, keep_latents: bool
    ) -> str | None:
        """Why the attempt is rejected, None if it passes."""
        stages = self.stages
        try:
            image = await stages.text_to_image.run(ImageJob(prompt=prompt, seed=seed), watch)
            matte = await stages.matting.run(MatteJob(image=image.image), watch)
            latents = str(ply.with_suffix(".latents")) if keep_latents else ""
            splat_job = SplatJob(image=matte.image, seed=seed, ply=str(ply), latents=latents)
            await stages.image_to_3d.run(splat_job, watch)
            verdict = await stages.validation.run(JudgeJob(prompt=prompt, ply=str(ply)), watch)
        except StageFailedError as error:
            if error.failure.is_worth_retrying:
                return f"{error.failure.kind}: {error.failure.detail}"
            raise
        return None if verdict.passed else verdict.reason or "not passed"


def seeds(first: int, count: int) -> Iterator[int]:
    """The seeds of the attempts: the one asked for, then ones that follow from it (a run can be repeated)."""
    seed = secrets.randbelow(MAX_SEED + 1) if first == RANDOM_SEED else first
    for _ in range(count):
        yield seed
        seed = (seed * 1_664_525 + 1_013_904_223) % (MAX_SEED + 1)
