"""Prompt, picture and splats to a verdict, in a process of its own."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import bentoml

from configuration import load_configuration
from models.prompt_lengths import cuts_of
from runners.batching import answer_batch, runner_batch
from runners.messages import JudgeJob, JudgeResult
from runners.models import MAKERS, view_set
from runners.options import runner_service
from runners.process import ModelProcess, prepare_process
from runners.splats import look_at_reserved
from runners.uploads import Sound
from runners.verdicts import rejected, result_of

if TYPE_CHECKING:
    from validation.verdict import Verdict

CONFIGURATION = load_configuration()
OPTIONS = CONFIGURATION.services.of("validation")


@bentoml.service(name="validation", **runner_service(OPTIONS))
class ValidationRunner(ModelProcess):
    """Holds a renderer and the scorer."""

    def __init__(self) -> None:
        """Loads the scorer and chooses the views."""
        threads = prepare_process(CONFIGURATION, OPTIONS)
        from rendering.renderer import create_renderer
        from validation.judging import Candidate, ViewJudge
        from validation.verdict import Thresholds

        settings = CONFIGURATION.validation
        self._candidate = Candidate
        with self.loading("validation", CONFIGURATION.device):
            self._renderer = create_renderer(self.device, num_threads=threads)
            self._scorer = MAKERS["validation"](CONFIGURATION, self.device)
        views = view_set(settings)
        self._judge = ViewJudge(self._renderer, self._scorer, views, Thresholds.of(settings))
        if settings.fast_paths:
            recorded = ["graphs"] if CONFIGURATION.device == "cuda" else []
            self.warm_up("validation", recorded, lambda _: self._judge.warm_up(), [1])

    @bentoml.api(**runner_batch(OPTIONS))
    def generate(self, jobs: list[JudgeJob]) -> list[JudgeResult]:
        """One verdict per job."""
        return answer_batch(jobs, JudgeResult, self._generate)

    def _generate(self, jobs: Sequence[JudgeJob]) -> list[JudgeResult]:
        """Files that fail a gate are answered without a look at them; the others are scored together."""
        looks = [
            look_at_reserved(
                job.ply,
                frame=job.frame or CONFIGURATION.frame,
                device=self.device,
                min_splats=CONFIGURATION.validation.min_splats,
            )
            for job in jobs
        ]
        sound = [(job, look) for job, look in zip(jobs, looks, strict=True) if isinstance(look, Sound)]
        candidates = [
            self._candidate(
                splats=look.splats, geometry=look.geometry, prompt=job.prompt, picture=job.picture
            )
            for job, look in sound
        ]
        verdicts = self._judge.verdicts(candidates)
        judged = iter([self._result(*pair, verdict) for pair, verdict in zip(sound, verdicts, strict=True)])
        return [next(judged) if isinstance(look, Sound) else rejected(look) for look in looks]

    def _result(self, job: JudgeJob, look: Sound, verdict: "Verdict") -> JudgeResult:
        cuts = [] if job.prompt is None else cuts_of(self._scorer, job.prompt)
        sheet = self._sheet(look) if job.sheet else b""
        return result_of(look, verdict).model_copy(update={"cuts": cuts, "sheet": sheet})

    def _sheet(self, look: Sound) -> bytes:
        from rendering.contact_sheet import contact_sheet_png
        from rendering.view_sets import at_usual_size

        return contact_sheet_png(at_usual_size(look.splats), self._renderer)
