"""Prompt and splats to a verdict, in a process of its own."""

from collections.abc import Sequence
from pathlib import Path

import bentoml

from runners.batching import answer_batch
from runners.configuration import load_configuration
from runners.messages import JudgeJob, JudgeResult
from runners.options import runner_batch, runner_service
from runners.process import ModelProcess, prepare_process
from runners.splats import read_splats

CONFIGURATION = load_configuration()
OPTIONS = CONFIGURATION.services.validation


@bentoml.service(name="validation", **runner_service(OPTIONS))
class ValidationRunner(ModelProcess):
    """Holds a renderer and the scorer."""

    def __init__(self) -> None:
        """Loads the scorer."""
        threads = prepare_process(CONFIGURATION, OPTIONS)
        import torch

        from rendering.renderer import create_renderer
        from validation.scorer import Scorer

        self.device = CONFIGURATION.device
        self._settings = CONFIGURATION.validation
        self._renderer = create_renderer(self.device, num_threads=threads)
        self._scorer = Scorer.load(
            Path(CONFIGURATION.weights) / "validation",
            device=torch.device(self.device),
            dtype=getattr(torch, self._settings.precision),
        )

    @bentoml.api(**runner_batch(OPTIONS))
    def generate(self, jobs: list[JudgeJob]) -> list[JudgeResult]:
        """One verdict per job."""
        return answer_batch(jobs, JudgeResult, self._generate)

    def _generate(self, jobs: Sequence[JudgeJob]) -> list[JudgeResult | Exception]:
        from rendering.cameras import orbit
        from validation.geometry import measure
        from validation.verdict import Thresholds, judge

        settings = self._settings
        thresholds = Thresholds(
            alignment=settings.alignment, aesthetics=settings.aesthetics, min_splats=settings.min_splats
        )
        splats = [read_splats(job.ply, frame=CONFIGURATION.frame, device=self.device) for job in jobs]
        cameras = orbit(settings.views, size=settings.view_size)
        views = [self._renderer.render(item, cameras) for item in splats] if settings.enabled else []
        scores = self._scorer.score([job.prompt for job in jobs], views) if settings.enabled else [None] * len(jobs)
        verdicts = [judge(score, thresholds, measure(item)) for score, item in zip(scores, splats, strict=True)]
        return [
            JudgeResult(
                passed=verdict.passed,
                reason=verdict.reason,
                alignment=verdict.alignment,
                aesthetics=verdict.aesthetics,
            )
            for verdict in verdicts
        ]
