"""Scores and geometry against thresholds."""

from dataclasses import dataclass

from validation.geometry import Geometry, failed_gate
from validation.scorer import Scores

VALIDATOR_MIN_SPLATS = 7000
NEVER = -1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The least that passes.

    Attributes:
        alignment: Mean cosine of prompt and views; its scale depends on the model.
        aesthetics: Mean rating of the views.
        min_splats: The subnet's validator rejects below 7000.
        retry_below: An object that passes with less alignment, or in pieces, does not convince; -1: all do.
    """

    alignment: float
    aesthetics: float
    min_splats: int = VALIDATOR_MIN_SPLATS
    retry_below: float = NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision on one result.

    Attributes:
        passed: Whether it may be sent.
        convincing: Whether it passes, and is worth no second attempt (`validation.ranking` compares two).
        reason: Why not, for people; None when it passed.
        alignment, aesthetics: The scores it had.
        num_splats: How many splats it has.
    """

    passed: bool
    convincing: bool
    reason: str | None
    alignment: float
    aesthetics: float
    num_splats: int


def judge(scores: Scores, thresholds: Thresholds, geometry: Geometry) -> Verdict:
    """Gates first, then alignment, then aesthetics; a score that is not a number fails."""
    reason = failed_gate(geometry, min_splats=thresholds.min_splats)
    if reason is None and not scores.alignment >= thresholds.alignment:
        reason = f"alignment {scores.alignment:.3f} is below {thresholds.alignment:.3f}"
    if reason is None and not scores.aesthetics >= thresholds.aesthetics:
        reason = f"aesthetics {scores.aesthetics:.2f} is below {thresholds.aesthetics:.2f}"
    return Verdict(
        passed=reason is None,
        convincing=reason is None and _convinces(scores, thresholds, geometry),
        reason=reason,
        alignment=scores.alignment,
        aesthetics=scores.aesthetics,
        num_splats=geometry.num_splats,
    )


def _convinces(scores: Scores, thresholds: Thresholds, geometry: Geometry) -> bool:
    if thresholds.retry_below == NEVER:
        return True
    return scores.alignment >= thresholds.retry_below and geometry.num_pieces in (None, 1)
