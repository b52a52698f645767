"""What a scorer gives, and a verdict is made of: numbers, so that who only judges loads no model library."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """One object's scores; their scale depends on the scorer (`validation.scorers`).

    Attributes:
        alignment: How well the views show the prompt; None without one.
        aesthetics: How good the views look.
        similarity: How well the views show a picture; None without one.
        total: All of it as one number, where the scorer has such a sum and something was asked for.
        parts: What else the scorer measured, by name.
        deciding: The numbers that thresholds hold for, in their order.
    """

    alignment: float | None
    aesthetics: float
    similarity: float | None = None
    total: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    deciding: tuple[str, ...] = ("alignment", "similarity", "aesthetics")
