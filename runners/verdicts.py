"""Verdicts as messages, and as what people and programs read."""

import math
from typing import TYPE_CHECKING, Any

from runners.messages import JudgeResult

if TYPE_CHECKING:
    from runners.uploads import Sound
    from validation.gates import Rejection
    from validation.verdict import Verdict

NAMED = ("total", "alignment", "aesthetics")
DIGITS = 4


def rejected(rejection: "Rejection") -> JudgeResult:
    """The message on a file that failed a gate."""
    return JudgeResult(gate=rejection.gate, reason=str(rejection))


def result_of(look: "Sound", verdict: "Verdict") -> JudgeResult:
    """The message on an object that was scored."""
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
        num_splats=look.geometry.num_splats,
        extent=look.geometry.extent,
    )


def score_content(result: JudgeResult) -> dict[str, Any] | None:
    """`total`, `alignment` and `aesthetics` (null where there is none) and `parts`; None without a score."""
    if not result.numbers:
        return None
    known = {name: _rounded(value) for name, value in result.numbers.items()}
    parts = {name: value for name, value in known.items() if name not in NAMED}
    return {name: known.get(name) for name in NAMED} | {"parts": parts}


def verdict_content(result: JudgeResult) -> dict[str, Any]:
    """All of a verdict, for JSON."""
    return {
        "passed": result.passed,
        "gate": result.gate,
        "reason": result.reason,
        "num_splats": result.num_splats,
        "extent": None if result.extent is None else _rounded(result.extent),
        "score": score_content(result),
    }


def _rounded(value: float) -> float | None:
    return round(value, DIGITS) if math.isfinite(value) else None
