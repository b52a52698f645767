"""Prompt, picture and splats to a verdict, in a process of its own."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import bentoml

from configuration import load_configuration
from models.prompt_lengths import cuts_of
from runners.batching import answer_batch, runner_batch
from runners.messages import JudgeJob, JudgeResult
from runners.models import MAKERS
from runners.options import runner_service
from runners.process import ModelProcess, prepare_process
from runners.splats import inspected, read_splats

if TYPE_CHECKING:
    from torch import Tensor

    from models.gaussians.gaussians import Gaussians
    from validation.gates import Rejection
    from validation.geometry import Geometry
    from validation.scores import Scores

CONFIGURATION = load_configuration()
OPTIONS = CONFIGURATION.services.of("validation")


@bentoml.service(name="validation", **runner_service(OPTIONS))
class ValidationRunner(ModelProcess):
    """Holds a renderer and the scorer."""

    def __init__(self) -> None:
        """Loads the scorer and chooses the cameras."""
        threads = prepare_process(CONFIGURATION, OPTIONS)
        from rendering.renderer import create_renderer
        from rendering.view_sets import orbit_views, validator_views
        from validation.gates import Rejection, failed_gate
        from validation.geometry import num_pieces
        from validation.reference import reference_view
        from validation.verdict import NEVER, Thresholds, judge

        settings = CONFIGURATION.validation
        self._num_pieces, self._judge, self._reference_view = num_pieces, judge, reference_view
        self._failed_gate, self._rejection = failed_gate, Rejection
        self._count_pieces = settings.retry_below > NEVER  # nobody asks otherwise
        self._thresholds = Thresholds.of(settings)
        self._views = (
            validator_views()
            if settings.view_set == "validator"
            else orbit_views(settings.views, size=settings.view_size)
        )
        with self.loading("validation", CONFIGURATION.device):
            self._renderer = create_renderer(self.device, num_threads=threads)
            self._scorer = MAKERS["validation"](CONFIGURATION, self.device)
        if settings.fast_paths:
            recorded = ["graphs"] if CONFIGURATION.device == "cuda" else []
            self.warm_up("validation", recorded, self._score_grey, [1])

    @bentoml.api(**runner_batch(OPTIONS))
    def generate(self, jobs: list[JudgeJob]) -> list[JudgeResult]:
        """One verdict per job."""
        return answer_batch(jobs, JudgeResult, self._generate)

    def _score_grey(self, count: int) -> None:
        import torch

        side, num_views = self._views.size, self._views.cameras.num_views
        views = torch.full((num_views, side, side, 3), 0.5, device=self.device)
        self._scorer.score(["a mug"] * count, [views] * count, [views[0]] * count)

    def _generate(self, jobs: Sequence[JudgeJob]) -> list[JudgeResult]:
        """Files that fail a gate are answered without a look; the others are scored together."""
        looks = [self._look(job.ply) for job in jobs]
        pairs = zip(jobs, looks, strict=True)
        sound = [(job, look) for job, look in pairs if not isinstance(look, self._rejection)]
        scored = iter(self._scored(sound))
        return [
            JudgeResult(gate=look.gate, reason=str(look))
            if isinstance(look, self._rejection)
            else next(scored)
            for look in looks
        ]

    def _look(self, ply: str) -> "Geometry | Rejection":
        """The measures of a file, or the first gate that it fails."""
        look = inspected(ply)
        if isinstance(look, self._rejection):
            return look
        return self._failed_gate(look, min_splats=self._thresholds.min_splats) or look

    def _scored(self, looks: "Sequence[tuple[JudgeJob, Geometry]]") -> list[JudgeResult]:
        jobs = [job for job, _ in looks]
        splats = [read_splats(job.ply, frame=CONFIGURATION.frame, device=self.device) for job in jobs]
        views = [self._views.render(item, self._renderer) for item in splats]
        pictures = [self._picture(job) for job in jobs]
        scores = self._scorer.score([job.prompt for job in jobs], views, pictures)
        measured = [geometry for _, geometry in looks]
        cuts = [[] if job.prompt is None else cuts_of(self._scorer, job.prompt) for job in jobs]
        verdicts = [self._verdict(*item) for item in zip(scores, splats, measured, strict=True)]
        return [
            verdict.model_copy(update={"cuts": some}) for verdict, some in zip(verdicts, cuts, strict=True)
        ]

    def _picture(self, job: JudgeJob) -> "Tensor | None":
        """What the job's picture shows, as a view would."""
        import torch

        if job.picture is None:
            return None
        return torch.from_numpy(self._reference_view(job.picture, self._views.size)).to(self.device)

    def _verdict(self, scores: "Scores", splats: "Gaussians", geometry: "Geometry") -> JudgeResult:
        if self._count_pieces:
            geometry = replace(geometry, num_pieces=self._num_pieces(splats))
        verdict = self._judge(scores, self._thresholds, geometry)
        return JudgeResult(
            passed=verdict.passed,
            convincing=verdict.convincing,
            reason=verdict.reason,
            gate=verdict.gate,
            alignment=verdict.alignment,
            similarity=verdict.similarity,
            aesthetics=verdict.aesthetics,
            total=verdict.total,
            parts=dict(verdict.parts),
        )
