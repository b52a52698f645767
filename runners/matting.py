"""Image to cut-out object, in a process of its own."""

from collections.abc import Sequence

import bentoml

from runners.batching import answer_batch
from runners.configuration import load_configuration
from runners.messages import MatteJob, MatteResult
from runners.options import runner_batch, runner_service
from runners.process import ModelProcess, prepare_process
from runners.weights import stage_weights

CONFIGURATION = load_configuration()
OPTIONS = CONFIGURATION.services.matting


@bentoml.service(name="matting", **runner_service(OPTIONS))
class MattingRunner(ModelProcess):
    """Holds the background removal."""

    def __init__(self) -> None:
        """Loads the model."""
        prepare_process(CONFIGURATION, OPTIONS)
        import torch

        from models.matte import MatteCutter

        with self.loading("matting", CONFIGURATION.device):
            self._model = MatteCutter.load(
                stage_weights(CONFIGURATION, "matting"),
                device=torch.device(self.device),
                dtype=getattr(torch, CONFIGURATION.matting.precision),
                network=CONFIGURATION.matting.network,
            )

    @bentoml.api(**runner_batch(OPTIONS))
    def generate(self, jobs: list[MatteJob]) -> list[MatteResult]:
        """One cut-out per job."""
        return answer_batch(jobs, MatteResult, self._generate)

    def _generate(self, jobs: Sequence[MatteJob]) -> list[MatteResult | Exception]:
        mattes = self._model.cut_out([job.pixels for job in jobs])
        return [item if isinstance(item, Exception) else MatteResult(image=item) for item in mattes]
