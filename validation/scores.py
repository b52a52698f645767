"""What a scorer gives, and a verdict is made of: numbers, so that who only judges loads no model library."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """One object's scores.

    Attributes:
        alignment: Mean over views of the cosine of prompt and view; None without a prompt.
        aesthetics: Mean over views of the rating, about 1 to 10.
        similarity: Mean of the largest cosines (`scorer.BEST_VIEWS`) of picture and view, for a
            picture shows one side; None without a picture.
    """

    alignment: float | None
    aesthetics: float
    similarity: float | None = None
