"""Scores and geometry against thresholds."""

from dataclasses import dataclass, fields

from models.gaussians.limits import MIN_SPLATS
from validation.gates import failed_gate
from validation.geometry import Geometry
from validation.scores import Scores

NEVER = -1.0
SCORES = (("alignment", 3), ("similarity", 3), ("aesthetics", 2))  # in order, and their digits in sentences


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The least that passes.

    Attributes:
        alignment: Mean cosine of prompt and views; its scale depends on the model.
        aesthetics: Mean rating of the views.
        min_splats: The subnet's validator rejects below `MIN_SPLATS`.
        similarity: Mean of the best cosines of picture and views, where a picture was sent.
        retry_below: An object that passes with less alignment, or in pieces, does not convince; -1: all do.
    """

    alignment: float
    aesthetics: float
    min_splats: int = MIN_SPLATS
    similarity: float = -1.0
    retry_below: float = NEVER

    @classmethod
    def of(cls, options: object) -> "Thresholds":
        """Those of a configuration, which has them under the same names."""
        return cls(**{field.name: getattr(options, field.name) for field in fields(cls)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision on one result.

    Attributes:
        passed: Whether it may be sent.
        convincing: Whether it passes, and is worth no second attempt (`validation.ranking` compares two).
        reason: Why not, for people; None when it passed.
        gate: What it failed: a gate's name (`validation.gates`) or a score's; None when it passed.
        alignment, aesthetics, similarity: The scores it had.
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
        num_splats=geometry.num_splats,
    )


def _low_score(scores: Scores, thresholds: Thresholds) -> tuple[str, str] | tuple[None, None]:
    """The first score below its threshold: its name, and the sentence."""
    for name, digits in SCORES:
        sentence = _too_low(name, getattr(scores, name), getattr(thresholds, name), digits)
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
