"""Cut-out object to cleaned splats in a PLY file, in a process of its own."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import bentoml

from configuration import load_configuration
from models.errors import MinerError
from models.stopping import between_steps
from runners.batching import answer_batch, runner_batch
from runners.handover import GIVEN_UP, AbandonedError, HandoverError, fill, make_room
from runners.memory import trim_heaps
from runners.mesh import decode_mesh, keep_latents
from runners.messages import MeshJob, MeshResult, SplatJob, SplatResult
from runners.models import MAKERS, splat_plan
from runners.options import runner_service
from runners.process import ModelProcess, prepare_process
from runners.wanted import each_alone, is_wanted

if TYPE_CHECKING:
    from models.trellis.image_to_3d import Made

CONFIGURATION = load_configuration()
OPTIONS = CONFIGURATION.services.of("image_to_3d")


@bentoml.service(name="image_to_3d", **runner_service(OPTIONS, threads=3))
class ImageTo3DRunner(ModelProcess):
    """Holds the image encoder, both flows, the Gaussian decoder and, once wanted, the mesh decoder."""

    def __init__(self) -> None:
        """Loads the models."""
        prepare_process(CONFIGURATION, OPTIONS)
        import torch

        from export.ply import file_bytes, ply_parts
        from models.clock import StageClock
        from models.gaussians.cleanup import clean_up_placed
        from models.sampling import SamplerSettings
        from runners.turns import Turns

        settings = CONFIGURATION.image_to_3d
        self._clean_up, self._ply_parts, self._file_bytes = clean_up_placed, ply_parts, file_bytes
        self._rooms = ThreadPoolExecutor(1, "make room")
        self._structure = SamplerSettings(**asdict(settings.stages.structure))
        self._latents = SamplerSettings(**asdict(settings.stages.latents))
        self._device = torch.device(CONFIGURATION.device)
        self._clock, self._turns = StageClock, Turns(self._device, overlap=settings.overlap)
        with self.loading("image_to_3d", CONFIGURATION.device):
            self._model = MAKERS["image_to_3d"](CONFIGURATION, self.device)
        plan = splat_plan(CONFIGURATION)
        if plan is not None:
            from models.fast.warm_up import warm_up

            first_run = partial(warm_up, self._model, structure=self._structure, latents=self._latents)
            sizes = range(1, 2 if self._model.networks.one_by_one else OPTIONS.max_batch_size + 1)
            self.warm_up("image_to_3d", plan.names(), first_run, sizes)

    @bentoml.api(**runner_batch(OPTIONS))
    def generate(self, jobs: list[SplatJob]) -> list[SplatResult]:
        """One PLY file per job."""
        return answer_batch(jobs, SplatResult, self._generate)

    @bentoml.api(**runner_batch(OPTIONS))
    def generate_beside(self, jobs: list[SplatJob]) -> list[SplatResult]:
        """The same while `generate` is at work: BentoML has one batch of a method in work at a time."""
        return answer_batch(jobs, SplatResult, self._generate)

    @bentoml.api(**runner_batch(OPTIONS))
    def decode_mesh(self, jobs: list[MeshJob]) -> list[MeshResult]:
        """One surface per job."""
        return answer_batch(jobs, MeshResult, lambda wanted: each_alone(wanted, self._decode_mesh))

    def _decode_mesh(self, job: MeshJob) -> MeshResult:
        started = time.perf_counter()
        try:
            with self._turns.taken():
                between_steps()
                decode_mesh(self._model, job.latents, job.mesh, self._device)
        finally:
            trim_heaps()
        return MeshResult(timings={"decode": time.perf_counter() - started})

    def _generate(self, jobs: Sequence[SplatJob]) -> list[SplatResult | Exception]:
        with self._turns.taken() as turn:
            wanted = [job for job in jobs if is_wanted(job)]  # the others were given up while these waited
            if not wanted:
                return [AbandonedError(GIVEN_UP) for _ in jobs]
            clock, rooms = self._clock(self._device), list[Future[None]]()

            def make_room_for(position: int, num_splats: int) -> None:
                size = self._file_bytes(num_splats)
                rooms.append(self._rooms.submit(make_room, wanted[position].ply, size))

            made = self._model.generate(
                [job.pixels for job in wanted],
                [job.seed for job in wanted],
                structure=self._structure,
                latents=self._latents,
                clock=clock,
                on_placed=make_room_for,
            )
            turn.pass_on()
            timings = {"turn": turn.waited} | clock.read()
            for room in rooms:
                room.result()
            with self._turns.aside():
                finished = {
                    job.ply: self._finish(result, job, timings)
                    for job, result in zip(wanted, made, strict=True)
                }
        return [finished.get(job.ply, AbandonedError(GIVEN_UP)) for job in jobs]

    def _finish(
        self, made: "Made | MinerError", job: SplatJob, timings: dict[str, float]
    ) -> SplatResult | Exception:
        if isinstance(made, MinerError):
            return made
        started = time.perf_counter()
        try:
            if not is_wanted(job):
                return AbandonedError(GIVEN_UP)
            splats, placement = self._clean_up(made.gaussians, frame=CONFIGURATION.frame)
            fill(job.ply, *self._ply_parts(splats))
            if job.latents is not None:
                keep_latents(job.latents, made.latents, placement)
        except (MinerError, AbandonedError, HandoverError, ValueError) as error:
            return error
        timings = timings | {"clean_up": time.perf_counter() - started}
        return SplatResult(num_splats=splats.num_splats, timings=timings)
