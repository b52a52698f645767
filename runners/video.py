"""Splats to a turntable video, in a process of its own."""

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

import bentoml

from runners.batching import answer_batch
from runners.configuration import load_configuration
from runners.messages import VideoJob, VideoResult
from runners.options import runner_batch, runner_service
from runners.process import ModelProcess, prepare_process
from runners.splats import read_splats

if TYPE_CHECKING:
    from rendering.cameras import Cameras

CONFIGURATION = load_configuration()
OPTIONS = CONFIGURATION.services.video


@bentoml.service(name="video", **runner_service(OPTIONS))
class VideoRunner(ModelProcess):
    """Holds a renderer."""

    def __init__(self) -> None:
        """Compiles or loads the renderer's kernels."""
        threads = prepare_process(CONFIGURATION, OPTIONS)
        from rendering.renderer import create_renderer

        self.device = CONFIGURATION.device
        self._renderer = create_renderer(self.device, num_threads=threads)

    @bentoml.api(**runner_batch(OPTIONS))
    def generate(self, jobs: list[VideoJob]) -> list[VideoResult]:
        """One video per job."""
        return answer_batch(jobs, VideoResult, self._generate)

    def _generate(self, jobs: Sequence[VideoJob]) -> list[VideoResult | Exception]:
        return [self._film(job) for job in jobs]

    def _film(self, job: VideoJob) -> VideoResult | Exception:
        from export.mp4 import encode_mp4
        from rendering.turntable import turntable_frames

        splats = read_splats(job.ply, frame=CONFIGURATION.frame, device=self.device)
        frames = turntable_frames(splats, self._path(job.size), self._renderer)
        return VideoResult(mp4=encode_mp4(islice(frames, job.max_frames), fps=CONFIGURATION.render.fps))

    def _path(self, size: int) -> "Cameras":
        from rendering.turntable import TurntableSettings, turntable, upstream_turntable

        render = CONFIGURATION.render
        if render.preset == "upstream":
            return upstream_turntable(size=size)
        settings = TurntableSettings(
            seconds=render.seconds,
            fps=render.fps,
            size=size,
            radius=render.camera.radius,
            elevation_degrees=render.camera.elevation_degrees,
            fov_y_degrees=render.camera.fov_y_degrees,
        )
        return turntable(settings)
