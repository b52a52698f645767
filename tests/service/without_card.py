"""Lets a published profile run without a card: chosen as on a card of 24 GiB, then put on the CPU."""

from dataclasses import replace
from typing import Any

from runners.configuration import reader
from runners.configuration.profiles import GIB, Choice, choose_profile

CARD_BYTES = 24 * GIB


def install() -> None:
    """Takes the place of the choice; before anything loads the configuration."""
    reader.choose_profile = _choose  # type: ignore[attr-defined]


def _choose(**asked: Any) -> Choice:
    return replace(choose_profile(**{**asked, "card_bytes": CARD_BYTES}), device="cpu")
