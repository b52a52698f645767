"""Scores and geometry against thresholds."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from models.gaussians.limits import MIN_SPLATS
from validation.gates import failed_gate
from validation.geometry import Geometry
from validation.scores import Scores

NEVER = -1.0
SUBNET_TOTAL = 0.6
DIGITS = {"aesthetics": 2}  # of scores in sentences; of others 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The least that passes.

    Attributes:
        alignment: Mean cosine of prompt and views; its scale depends on the model.
        aesthetics: Mean rating of the views.
        min_splats: The subnet's validator rejects below `MIN_SPLATS`.
        similarity: Mean of the best cosines of picture and views, where a picture was sent.
        total: All in one, where the scorer has such a sum; the others are not looked at then.
        retry_below: An object that passes with less alignment, or in pieces, does not convince; -1: all do.
    """

    alignment: float
    aesthetics: float
    min_splats: int = MIN_SPLATS
    similarity: float = -1.0
    total: float = SUBNET_TOTAL
    retry_below: float = NEVER

    @classmethod
    def of(cls, options: object) -> "Thresholds":
        """Those of a configuration, which has them under the same names."""
        return cls(**{one.name: getattr(options, one.name) for one in fields(cls)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision on one result.

    Attributes:
        passed: Whether it may be sent.
        convincing: Whether it passes, and is worth no second attempt (`validation.ranking` compares two).
        reason: Why not, for people; None when it passed.
        gate: What it failed: a gate's name (`validation.gates`) or a score's; None when it passed.
        alignment, aesthetics, similarity, total, parts: The scores it had (`validation.scores`).
        num_splats: How many splats it has.
    """

    passed: bool
    convincing: bool
    reason: str | None
    alignment: float | None
    aesthetics: float
    num_splats: int
    similarity: float | None = None
    gate: str | None = None
    total: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)


def judge(scores: Scores, thresholds: Thresholds, geometry: Geometry) -> Verdict:
    """Gates first, then what was asked for, then aesthetics; a score that is not a number fails."""
    rejection = failed_gate(geometry, min_splats=thresholds.min_splats)
    gate, reason = (rejection.gate, str(rejection)) if rejection else _low_score(scores, thresholds)
    return Verdict(
        passed=reason is None,
        convincing=reason is None and _convinces(scores, thresholds, geometry),
        reason=reason,
        gate=gate,
        alignment=scores.alignment,
        aesthetics=scores.aesthetics,
        similarity=scores.similarity,
        total=scores.total,
        parts=scores.parts,
        num_splats=geometry.num_splats,
    )


def _low_score(scores: Scores, thresholds: Thresholds) -> tuple[str, str] | tuple[None, None]:
    """The first score below its threshold: its name, and the sentence."""
    for name in scores.deciding:
        sentence = _too_low(name, getattr(scores, name), getattr(thresholds, name), DIGITS.get(name, 3))
        if sentence is not None:
            return name, sentence
    return None, None


def _too_low(name: str, score: float | None, least: float, digits: int) -> str | None:
    if score is None or score >= least:
        return None
    return f"{name} {score:.{digits}f} is below {least:.{digits}f}"


def _convinces(scores: Scores, thresholds: Thresholds, geometry: Geometry) -> bool:
    if thresholds.retry_below == NEVER:
        return True
    aligned = scores.alignment is None or scores.alignment >= thresholds.retry_below
    return aligned and geometry.num_pieces in (None, 1)
