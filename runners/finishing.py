"""Splats to every kind of file (`runners.formats`) but the PLY that clean-up wrote: what follows it."""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import bentoml

from configuration import load_configuration
from configuration.schema import RenderOptions
from models.gaussians.limits import MIN_SPLATS
from runners.batching import answer_batch, runner_batch
from runners.formats import write_splats, writer_of
from runners.memory import trim_heaps
from runners.mesh import finish_mesh, why_no_meshes
from runners.messages import FileJob, FileResult, FilmJob, GlbJob, GlbResult, SplatFileJob, ViewJob
from runners.options import runner_service
from runners.process import ModelProcess, num_threads, prepare_process
from runners.splats import identity_of, read_bytes, read_splats, rewritten_ply
from runners.wanted import each_alone

if TYPE_CHECKING:
    from models.gaussians.gaussians import Gaussians
    from rendering.cameras import Cameras
    from rendering.renderer import SplatRenderer

J = TypeVar("J", bound=FileJob)
R = TypeVar("R", bound=FileResult)

CONFIGURATION = load_configuration()
OPTIONS = CONFIGURATION.services.of("finishing")


@bentoml.service(name="finishing", **runner_service(OPTIONS))
class FinishingRunner(ModelProcess):
    """Holds a renderer, which one job has at a time, whatever process this runs in."""

    def __init__(self) -> None:
        """Chooses the renderer and the camera's path."""
        threads = prepare_process(CONFIGURATION, OPTIONS)
        from rendering.renderer import create_renderer
        from rendering.turntable import turntable_frames
        from rendering.yuv import yuv420p

        self._threads = threads
        self._lock = threading.Lock()
        self._reduced: tuple[object, Gaussians] | None = None
        with self.loading("finishing", CONFIGURATION.device):
            self._renderer = create_renderer(self.device, num_threads=threads)
        on_gpu = CONFIGURATION.device == "cuda"  # which converts colours while ffmpeg is the slower one
        self._frames = partial(turntable_frames, pixels=yuv420p if on_gpu else None)
        self._encode = {
            "num_threads": num_threads(OPTIONS, "cpu"),  # where ffmpeg works whatever draws the frames
            "pixels": "yuv420p" if on_gpu else "rgb24",
        }
        if why_no_meshes(CONFIGURATION) is None:
            from export.meshes.rehearsal import rehearse_finishing

            rehearse_finishing(self._renderer, threads)  # while the other processes load

    @bentoml.api(**runner_batch(OPTIONS))
    def write(self, jobs: list[SplatFileJob]) -> list[FileResult]:
        """One splat file per job."""
        return self._answer(jobs, FileResult, self._write)

    @bentoml.api(**runner_batch(OPTIONS))
    def film(self, jobs: list[FilmJob]) -> list[FileResult]:
        """One film per job."""
        return self._answer(jobs, FileResult, self._film)

    @bentoml.api(**runner_batch(OPTIONS))
    def draw(self, jobs: list[ViewJob]) -> list[FileResult]:
        """One picture per job."""
        return self._answer(jobs, FileResult, self._draw)

    @bentoml.api(**runner_batch(OPTIONS))
    def make_glb(self, jobs: list[GlbJob]) -> list[GlbResult]:
        """One GLB per job."""
        return self._answer(jobs, GlbResult, self._make_glb)

    def _answer(self, jobs: Sequence[J], result_type: type[R], make: Callable[[J], R]) -> list[R]:
        def work(wanted: Sequence[J]) -> list[R | Exception]:
            with self._lock:
                return each_alone(wanted, make)

        return answer_batch(jobs, result_type, work)

    def _make_glb(self, job: GlbJob) -> GlbResult:
        glb, report = finish_mesh(
            job.mesh,
            CONFIGURATION.mesh,
            lambda: self._splats(job),
            self._renderer,
            self._threads,
            factor=job.wanted.factor,
        )
        trim_heaps()
        return GlbResult(
            file=glb,
            timings=report.timings,
            watertight=report.watertight,
            report=report.soundness.summary,
        )

    def _splats(self, job: FileJob) -> "Gaussians":
        return read_splats(job.ply, frame=CONFIGURATION.frame, device=self.device)

    def _wanted_splats(self, job: FileJob) -> "Gaussians":
        """As many as are wanted; the latest reduction is kept, for an object's other files want the same."""
        if job.wanted.splats is None:
            return self._splats(job)
        from export.reduction.reduction import reduce_splats

        key = (identity_of(job.ply), job.wanted.splats, job.exact)
        if self._reduced is None or self._reduced[0] != key:
            self._reduced = key, reduce_splats(self._splats(job), job.wanted.splats, self._reducer(job))
        return self._reduced[1]

    def _reducer(self, job: FileJob) -> "SplatRenderer":
        """The CPU's renderer for exact jobs: sums on a GPU come in any order."""
        if not job.exact or CONFIGURATION.device == "cpu":
            return self._renderer
        from rendering.renderer import create_renderer

        return create_renderer("cpu", num_threads=self._threads)

    def _write(self, job: SplatFileJob) -> FileResult:
        if job.format == "ply" and job.wanted.keeps_all:
            data = read_bytes(job.ply)
            return FileResult(file=rewritten_ply(data, CONFIGURATION.frame, job.wanted))
        if job.wanted.keeps_all:
            splats = read_splats(job.ply, frame=CONFIGURATION.frame, device="cpu")
            return FileResult(file=write_splats(job.format, splats, job.wanted))
        splats = self._wanted_splats(job).to("cpu")
        if job.wanted.max_bytes is None:
            return FileResult(file=write_splats(job.format, splats, job.wanted))
        from export.reduction.budget import write_within

        write = partial(write_splats, job.format, wanted=job.wanted)
        file = write_within(splats, write, job.wanted.max_bytes, self._reducer(job), least=MIN_SPLATS)
        return FileResult(file=file)

    def _film(self, job: FilmJob) -> FileResult:
        started = time.perf_counter()
        splats = self._wanted_splats(job)
        side = job.wanted.pixels
        path, fps = camera_path(CONFIGURATION.render, side + side % 2)  # yuv420p wants even sides
        frames = islice(self._frames(splats, path, self._renderer), job.max_frames)
        file = writer_of(job.format)(frames, fps, **self._encode)
        return FileResult(file=file, timings={"film": time.perf_counter() - started})

    def _draw(self, job: ViewJob) -> FileResult:
        path, _ = camera_path(CONFIGURATION.render, job.wanted.pixels)
        first = next(path.batches(1))
        picture = self._renderer.render(self._wanted_splats(job), first)[0].cpu().numpy()
        return FileResult(file=writer_of(job.format)(picture))


def camera_path(options: RenderOptions, size: int) -> "tuple[Cameras, int]":
    """The cameras of every frame, `size` pixels square, and the frames per second."""
    from rendering.turntable import UPSTREAM_FPS, TurntableSettings, turntable, upstream_turntable

    if options.preset == "upstream":
        return upstream_turntable(size=size), UPSTREAM_FPS
    settings = TurntableSettings(
        seconds=options.seconds,
        fps=options.fps,
        size=size,
        radius=options.camera.radius,
        elevation_degrees=options.camera.elevation_degrees,
        start_degrees=options.camera.azimuth_degrees,
        fov_y_degrees=options.camera.fov_y_degrees,
    )
    return turntable(settings), options.fps
