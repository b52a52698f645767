"""Splats to every kind of file (`runners.formats`) but the PLY that clean-up wrote: what follows it."""

import time
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import bentoml

from configuration import load_configuration
from configuration.schema import RenderOptions
from runners.batching import answer_batch
from runners.formats import FORMATS, MIN_SPLATS, write_splats, writer_of
from runners.memory import trim_heaps
from runners.mesh import finish_mesh, lack_of_mesh_decoder
from runners.messages import VideoJob, VideoResult
from runners.options import runner_batch, runner_service
from runners.process import ModelProcess, num_threads, prepare_process
from runners.splats import identity_of, read_bytes, read_splats, rewritten_ply
from runners.wanted import each_alone

if TYPE_CHECKING:
    from models.gaussians.gaussians import Gaussians
    from rendering.cameras import Cameras
    from rendering.renderer import SplatRenderer

CONFIGURATION = load_configuration()
OPTIONS = CONFIGURATION.services.of("video")


@bentoml.service(name="video", **runner_service(OPTIONS))
class VideoRunner(ModelProcess):
    """Holds a renderer."""

    def __init__(self) -> None:
        """Chooses the renderer and the camera's path."""
        threads = prepare_process(CONFIGURATION, OPTIONS)
        from rendering.renderer import create_renderer
        from rendering.turntable import turntable_frames
        from rendering.yuv import yuv420p

        self._threads = threads
        self._reduced: tuple[object, Gaussians] | None = None
        with self.loading("video", CONFIGURATION.device):
            self._renderer = create_renderer(self.device, num_threads=threads)
        on_gpu = CONFIGURATION.device == "cuda"  # which converts colours while ffmpeg is the slower one
        self._frames = partial(turntable_frames, pixels=yuv420p if on_gpu else None)
        self._encode = {
            "num_threads": num_threads(OPTIONS, "cpu"),  # where ffmpeg works whatever draws the frames
            "pixels": "yuv420p" if on_gpu else "rgb24",
        }
        if lack_of_mesh_decoder(CONFIGURATION) is None:
            from export.meshes.rehearsal import rehearse_finishing

            rehearse_finishing(self._renderer, threads)  # while the other processes load

    @bentoml.api(**runner_batch(OPTIONS))
    def generate(self, jobs: list[VideoJob]) -> list[VideoResult]:
        """One file per job."""
        return answer_batch(jobs, VideoResult, self._generate)

    def _generate(self, jobs: Sequence[VideoJob]) -> list[VideoResult | Exception]:
        makers = {
            "film": self._film,
            "mesh": self._finish_mesh,
            "splats": self._write_splats,
            "view": self._picture,
        }
        return each_alone(jobs, lambda job: makers[FORMATS[job.product].source](job))

    def _finish_mesh(self, job: VideoJob) -> VideoResult:
        glb, report = finish_mesh(
            job.mesh,
            CONFIGURATION.mesh,
            lambda: self._splats(job),
            self._renderer,
            self._threads,
            factor=job.wanted.factor,
        )
        trim_heaps()
        return VideoResult(
            file=glb,
            timings=report.timings,
            watertight=report.watertight,
            report=report.soundness.summary,
        )

    def _splats(self, job: VideoJob) -> "Gaussians":
        return read_splats(job.ply, frame=CONFIGURATION.frame, device=self.device)

    def _wanted_splats(self, job: VideoJob) -> "Gaussians":
        """As many as are wanted; the latest reduction is kept, for an object's other files want the same."""
        if job.wanted.splats is None:
            return self._splats(job)
        from export.reduction.reduction import reduce_splats

        key = (identity_of(job.ply), job.wanted.splats, job.exact)
        if self._reduced is None or self._reduced[0] != key:
            self._reduced = key, reduce_splats(self._splats(job), job.wanted.splats, self._reducer(job))
        return self._reduced[1]

    def _reducer(self, job: VideoJob) -> "SplatRenderer":
        """The CPU's renderer for exact jobs: sums on a GPU come in any order."""
        if not job.exact or CONFIGURATION.device == "cpu":
            return self._renderer
        from rendering.renderer import create_renderer

        return create_renderer("cpu", num_threads=self._threads)

    def _write_splats(self, job: VideoJob) -> VideoResult:
        if job.product == "ply" and job.wanted.keeps_all:
            data = read_bytes(job.ply)
            return VideoResult(file=rewritten_ply(data, CONFIGURATION.frame, job.wanted))
        if job.wanted.keeps_all:
            splats = read_splats(job.ply, frame=CONFIGURATION.frame, device="cpu")
            return VideoResult(file=write_splats(job.product, splats, job.wanted))
        splats = self._wanted_splats(job).to("cpu")
        if job.wanted.max_bytes is None:
            return VideoResult(file=write_splats(job.product, splats, job.wanted))
        from export.reduction.budget import write_within

        write = partial(write_splats, job.product, wanted=job.wanted)
        file = write_within(splats, write, job.wanted.max_bytes, self._reducer(job), least=MIN_SPLATS)
        return VideoResult(file=file)

    def _film(self, job: VideoJob) -> VideoResult:
        started = time.perf_counter()
        splats = self._wanted_splats(job)
        side = job.wanted.pixels
        path, fps = camera_path(CONFIGURATION.render, side + side % 2)  # yuv420p wants even sides
        frames = islice(self._frames(splats, path, self._renderer), job.max_frames)
        file = writer_of(job.product)(frames, fps, **self._encode)
        return VideoResult(file=file, timings={"film": time.perf_counter() - started})

    def _picture(self, job: VideoJob) -> VideoResult:
        """A film's first frame, so that a page can show it until the film plays."""
        path, _ = camera_path(CONFIGURATION.render, job.wanted.pixels)
        first = next(path.batches(1))
        picture = self._renderer.render(self._wanted_splats(job), first)[0].cpu().numpy()
        return VideoResult(file=writer_of(job.product)(picture))


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
