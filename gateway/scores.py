"""What an answer and the metrics tell of a verdict's scores."""

import json

from gateway.metrics import SCORES
from runners.messages import JudgeResult
from runners.verdicts import score_content

HEADER = "X-Score"


def observe(verdict: JudgeResult) -> None:
    """Counts every score of an attempt."""
    for name, value in verdict.numbers.items():
        SCORES.labels(name).observe(value)


def score_headers(verdict: JudgeResult) -> dict[str, str]:
    """The scores as JSON, if there are any."""
    content = score_content(verdict)
    return {} if content is None else {HEADER: json.dumps(content, separators=(",", ":"))}
