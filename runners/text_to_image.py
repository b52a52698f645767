"""Prompt to image, in a process of its own."""

from collections.abc import Sequence

import bentoml

from configuration import load_configuration
from models.prompt_lengths import cuts_of
from runners.batching import answer_batch, runner_batch
from runners.messages import ImageJob, ImageResult
from runners.models import MAKERS, image_plan
from runners.options import runner_service
from runners.process import ModelProcess, prepare_process

CONFIGURATION = load_configuration()
OPTIONS = CONFIGURATION.services.of("text_to_image")


@bentoml.service(name="text_to_image", **runner_service(OPTIONS))
class TextToImageRunner(ModelProcess):
    """Holds the text encoders, the image flow and its decoder."""

    def __init__(self) -> None:
        """Loads the model."""
        prepare_process(CONFIGURATION, OPTIONS)
        self._settings = CONFIGURATION.text_to_image
        with self.loading("text_to_image", CONFIGURATION.device):
            self._model = MAKERS["text_to_image"](CONFIGURATION, self.device)
        plan = image_plan(CONFIGURATION)
        if plan is not None:
            sizes = range(1, 2 if self._model.one_by_one else OPTIONS.max_batch_size + 1)
            self.warm_up("text_to_image", plan.names(), self._draw, sizes)

    @bentoml.api(**runner_batch(OPTIONS))
    def generate(self, jobs: list[ImageJob]) -> list[ImageResult]:
        """One image per job."""
        return answer_batch(jobs, ImageResult, self._generate)

    def _draw(self, count: int) -> None:
        self._generate([ImageJob(prompt="a mug")] * count)

    def _generate(self, jobs: Sequence[ImageJob]) -> list[ImageResult]:
        images = self._model.generate(
            [job.prompt for job in jobs],
            [job.seed for job in jobs],
            steps=self._settings.steps,
            resolution=self._settings.resolution,
            guidance=self._settings.guidance,
            max_sequence_length=self._settings.max_sequence_length,
        )
        limit = self._settings.max_sequence_length
        cuts = [cuts_of(self._model, job.prompt, limit) for job in jobs]
        return [ImageResult(image=image, cuts=some) for image, some in zip(images, cuts, strict=True)]
