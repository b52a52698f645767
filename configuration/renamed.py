"""Names that the configuration once had: a file or a variable that holds one is told the new one."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

STAGES: Mapping[str, str] = {"video": "finishing"}


def renamed_key(path: Sequence[str]) -> str | None:
    """What to say of a key that has another name now, wherever in the file its path begins; else None."""
    for before, name in pairwise(path):
        if before == "services" and name in STAGES:
            return f"services.{name} is called services.{STAGES[name]} now"
    return None


def renamed_stage(name: object) -> str | None:
    """What to say of a value that was a stage's name; None of any other value."""
    if isinstance(name, str) and name in STAGES:
        return f"{name} is called {STAGES[name]} now"
    return None
