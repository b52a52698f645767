"""Image to cut-out object, in a process of its own."""

from collections.abc import Sequence

import bentoml
import numpy as np

from configuration import load_configuration
from runners.batching import answer_batch, runner_batch
from runners.messages import MatteJob, MatteResult
from runners.models import MAKERS
from runners.options import runner_service
from runners.process import ModelProcess, prepare_process

CONFIGURATION = load_configuration()
OPTIONS = CONFIGURATION.services.of("matting")


@bentoml.service(name="matting", **runner_service(OPTIONS))
class MattingRunner(ModelProcess):
    """Holds the background removal."""

    def __init__(self) -> None:
        """Loads the model."""
        prepare_process(CONFIGURATION, OPTIONS)
        with self.loading("matting", CONFIGURATION.device):
            self._model = MAKERS["matting"](CONFIGURATION, self.device)
        if CONFIGURATION.matting.fast_paths:
            recorded = ["graphs"] if CONFIGURATION.device == "cuda" else []
            self.warm_up("matting", recorded, self._cut_grey, [1])

    @bentoml.api(**runner_batch(OPTIONS))
    def generate(self, jobs: list[MatteJob]) -> list[MatteResult]:
        """One cut-out per job."""
        return answer_batch(jobs, MatteResult, self._generate)

    def _cut_grey(self, count: int) -> None:
        side = CONFIGURATION.text_to_image.resolution
        self._model.cut_out([np.full((side, side, 3), 128, np.uint8)] * count)

    def _generate(self, jobs: Sequence[MatteJob]) -> list[MatteResult | Exception]:
        mattes = self._model.cut_out([job.pixels for job in jobs])
        return [item if isinstance(item, Exception) else MatteResult(image=item) for item in mattes]
