"""What an answer and the metrics tell of a verdict's scores."""

import json
import math

from gateway.metrics import SCORES
from runners.messages import JudgeResult

HEADER = "X-Score"
NAMED = ("total", "alignment", "aesthetics")


def observe(verdict: JudgeResult) -> None:
    """Counts every score of an attempt."""
    for name, value in verdict.numbers.items():
        SCORES.labels(name).observe(value)


def score_headers(verdict: JudgeResult) -> dict[str, str]:
    """The scores as JSON: total, alignment, aesthetics (null where there is none) and parts; or nothing."""
    if not verdict.numbers:
        return {}
    known = {
        name: round(value, 4) if math.isfinite(value) else None for name, value in verdict.numbers.items()
    }
    parts = {name: value for name, value in known.items() if name not in NAMED}
    content = {name: known.get(name) for name in NAMED} | {"parts": parts}
    return {HEADER: json.dumps(content, separators=(",", ":"))}
