"""Which of two results is better. It needs no torch, so that messages can be ranked in the gateway too."""

from typing import NamedTuple, Protocol


class Judged(Protocol):
    """What a verdict says of a result, wherever it is written down."""

    @property
    def passed(self) -> bool:
        """Whether the result may be sent."""

    @property
    def convincing(self) -> bool:
        """Whether it passes, and is worth no second attempt."""

    @property
    def total(self) -> float | None:
        """All scores as one number; None where the scorer has no such sum."""

    @property
    def alignment(self) -> float | None:
        """Mean cosine of prompt and views; None if nothing was scored, or there was no prompt."""

    @property
    def similarity(self) -> float | None:
        """Cosine of a sent picture and the views most like it; None if there was no picture."""


class Rank(NamedTuple):
    """How good a result is; the greater rank is served, and of equal ones the first."""

    passed: bool
    convincing: bool
    total: float
    alignment: float
    similarity: float


def rank(judged: Judged) -> Rank:
    """What passes comes before what does not, then what convinces, then what resembles more what was asked.

    A total counts before its parts, a prompt before a picture.
    """
    total = -1.0 if judged.total is None else judged.total
    alignment = -1.0 if judged.alignment is None else judged.alignment
    similarity = -1.0 if judged.similarity is None else judged.similarity
    return Rank(judged.passed, judged.convincing, total, alignment, similarity)
