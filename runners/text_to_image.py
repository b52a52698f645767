"""Prompt to image, in a process of its own."""

from collections.abc import Sequence
from pathlib import Path

import bentoml

from runners.batching import answer_batch
from runners.configuration import load_configuration
from runners.messages import ImageJob, ImageResult
from runners.options import runner_batch, runner_service
from runners.process import ModelProcess, prepare_process

CONFIGURATION = load_configuration()
OPTIONS = CONFIGURATION.services.text_to_image


@bentoml.service(name="text_to_image", **runner_service(OPTIONS))
class TextToImageRunner(ModelProcess):
    """Holds the text encoders, the image flow and its decoder."""

    def __init__(self) -> None:
        """Loads the model."""
        prepare_process(CONFIGURATION, OPTIONS)
        import torch

        from models.image.text_to_image import TextToImage

        self.device = CONFIGURATION.device
        self._settings = CONFIGURATION.text_to_image
        self._model = TextToImage.load(
            Path(CONFIGURATION.weights) / "text_to_image",
            device=torch.device(self.device),
            dtype=getattr(torch, self._settings.precision),
        )

    @bentoml.api(**runner_batch(OPTIONS))
    def generate(self, jobs: list[ImageJob]) -> list[ImageResult]:
        """One image per job."""
        return answer_batch(jobs, ImageResult, self._generate)

    def _generate(self, jobs: Sequence[ImageJob]) -> list[ImageResult]:
        images = self._model.generate(
            [job.prompt for job in jobs],
            [job.seed for job in jobs],
            steps=self._settings.steps,
            resolution=self._settings.resolution,
            guidance=self._settings.guidance,
            max_sequence_length=self._settings.max_sequence_length,
        )
        return [ImageResult(image=image) for image in images]
