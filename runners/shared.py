"""Several stages in one process: one CUDA context, one allocator.

The stages that `services.shared` names run here instead of in processes of their own, behind the same batched
methods. On a card that is nearly full their models take turns, so that the memory in work is the largest
stage's and not the sum; only the video, small in memory and long in time, renders beside them. Where there is
room each has a stream instead: kernels of several stages run at once, while a card gives processes turns, and
whoever changes waits.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import bentoml

from configuration import Configuration, load_configuration
from configuration.schema import StageName
from runners.image_to_3d import ImageTo3DRunner
from runners.matting import MattingRunner
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
from runners.options import runner_batch, shared_service
from runners.process import ModelProcess
from runners.text_to_image import TextToImageRunner
from runners.turns import BEFORE_OTHERS
from runners.validation import ValidationRunner
from runners.video import VideoRunner

CONFIGURATION = load_configuration()
SERVICES = CONFIGURATION.services
OWN_RUNNERS: dict[StageName, Any] = {
    "text_to_image": TextToImageRunner,
    "matting": MattingRunner,
    "image_to_3d": ImageTo3DRunner,
    "validation": ValidationRunner,
    "video": VideoRunner,
}
OWN_METHOD, BESIDE = "generate", "_beside"
Place = Callable[[StageName], AbstractContextManager[object]]


@bentoml.service(name="shared_models", **shared_service(SERVICES))
class SharedRunner(ModelProcess):
    """Holds the models of every shared stage; each method is that stage's `generate`."""

    def __init__(self) -> None:
        """Loads the models one stage after the other."""
        self._stages = {name: OWN_RUNNERS[name].inner() for name in SERVICES.shared}
        self._place = _turns() if SERVICES.turns else _streams_of(SERVICES.shared)
        self.device = CONFIGURATION.device
        self.weights = {name: size for stage in self._stages.values() for name, size in stage.weights.items()}
        self.load_seconds = {
            name: seconds for stage in self._stages.values() for name, seconds in stage.load_seconds.items()
        }

    def _run(self, name: StageName, jobs: Sequence[Any]) -> list[Any]:
        generate: Callable[[Sequence[Any]], list[Any]] = self._stages[name].generate
        with self._place(name):
            return generate(jobs)

    @bentoml.api(**runner_batch(SERVICES.text_to_image))
    def text_to_image(self, jobs: list[ImageJob]) -> list[ImageResult]:
        """One image per job."""
        return self._run("text_to_image", jobs)

    @bentoml.api(**runner_batch(SERVICES.matting))
    def matting(self, jobs: list[MatteJob]) -> list[MatteResult]:
        """One cut-out per job."""
        return self._run("matting", jobs)

    @bentoml.api(**runner_batch(SERVICES.image_to_3d))
    def image_to_3d(self, jobs: list[SplatJob]) -> list[SplatResult]:
        """One PLY file per job."""
        return self._run("image_to_3d", jobs)

    @bentoml.api(**runner_batch(SERVICES.image_to_3d))
    def image_to_3d_beside(self, jobs: list[SplatJob]) -> list[SplatResult]:
        """The same while `image_to_3d` is at work, where stages take no turns."""
        return self._run("image_to_3d", jobs)

    @bentoml.api(**runner_batch(SERVICES.validation))
    def validation(self, jobs: list[JudgeJob]) -> list[JudgeResult]:
        """One verdict per job."""
        return self._run("validation", jobs)

    @bentoml.api(**runner_batch(SERVICES.video))
    def video(self, jobs: list[VideoJob]) -> list[VideoResult]:
        """One video per job."""
        return self._run("video", jobs)


def runner_of(configuration: Configuration, stage: StageName) -> Any:
    """The service that runs a stage."""
    return SharedRunner if stage in configuration.services.shared else OWN_RUNNERS[stage]


def methods_of(configuration: Configuration, stage: StageName) -> tuple[str, ...]:
    """The names of the stage's batched methods in that service; several can be at work at once."""
    services = configuration.services
    method = stage if stage in services.shared else OWN_METHOD
    overlaps = stage == "image_to_3d" and configuration.image_to_3d.overlap
    return (method, method + BESIDE) if overlaps and not services.takes_turns(stage) else (method,)


def _turns() -> Place:
    """One stage at a time, and the video beside it."""
    turn, film_turn = threading.Lock(), threading.Lock()
    return lambda stage: film_turn if stage == "video" else turn


def _streams_of(stages: Sequence[StageName]) -> Place:
    """Each stage's own stream; the short ones' kernels come before those of the flows, which fill a card."""
    if CONFIGURATION.device != "cuda":
        return lambda stage: nullcontext()
    import torch

    torch.cuda.synchronize()  # loading used another stream
    streams = {
        stage: torch.cuda.Stream(priority=0 if stage == "image_to_3d" else BEFORE_OTHERS) for stage in stages
    }
    return lambda stage: torch.cuda.stream(streams[stage])
