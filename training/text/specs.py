"""What a caption says about an object: its kind, its main colour, and one part with a colour of its own."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from training.objects.colors import COLOR_NAMES
from training.objects.kind import Kind

HELD_OUT_ONE_IN = 13
PART_SHARE = 0.35
UNCOLORED_SHARE = 0.15
OFTEN_MISTAKEN = {"brown": 1.7, "gold": 1.7, "gray": 1.4, "black": 1.2, "white": 1.2, "orange": 1.2}
"""How much oftener text to image draws the colours that it takes for a neighbour or for the usual one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One describable object.

    Attributes:
        kind: Name of the kind.
        color: Main colour; None when the caption names none (the object then has the kind's default).
        part: A captioned part that has a colour of its own, or None.
        part_color: That part's colour; None exactly when `part` is None.
    """

    kind: str
    color: str | None = None
    part: str | None = None
    part_color: str | None = None


def is_held_out(kind: str, color: str) -> bool:
    """Whether a kind x colour pair is kept out of all training: about one in thirteen, for ever the same."""
    return zlib.crc32(f"{kind}/{color}".encode()) % HELD_OUT_ONE_IN == 0


def held_out_pairs(kinds: Sequence[Kind]) -> list[tuple[str, str]]:
    """Every held-out (kind, colour) pair; a kind's default colour is never held out."""
    return [
        (k.name, c) for k in kinds for c in COLOR_NAMES if is_held_out(k.name, c) and c != k.default_color
    ]


def captioned_parts(kind: Kind) -> tuple[str, ...]:
    """Names of the parts that prompts may colour."""
    return tuple(part.name for part in kind.parts if part.captioned)


def training_colors(kind: Kind) -> tuple[str, ...]:
    """The main colours a kind is trained in."""
    return tuple(c for c in COLOR_NAMES if c == kind.default_color or not is_held_out(kind.name, c))


def draw_spec(kind: Kind, rng: np.random.Generator) -> Spec:
    """A random training spec of a kind: never a held-out main colour."""
    part, part_color = None, None
    parts = captioned_parts(kind)
    color = None if rng.random() < UNCOLORED_SHARE else str(rng.choice(training_colors(kind)))
    if parts and rng.random() < PART_SHARE:
        part = str(rng.choice(parts))
        part_color = str(rng.choice([c for c in COLOR_NAMES if c != (color or kind.default_color)]))
    return Spec(kind=kind.name, color=color, part=part, part_color=part_color)


def draw_balanced_spec(kind: Kind, rng: np.random.Generator) -> Spec:
    """A random training spec whose main colour is seldom the usual one and often one easily mistaken."""
    spec = draw_spec(kind, rng)
    if spec.color is None:
        return spec
    colors = training_colors(kind)
    weights = np.array([0.5 if c == kind.default_color else OFTEN_MISTAKEN.get(c, 1.0) for c in colors])
    color = str(rng.choice(colors, p=weights / weights.sum()))
    return spec if color == spec.part_color else replace(spec, color=color)


def draw_any_spec(kind: Kind, rng: np.random.Generator) -> Spec:
    """As `draw_spec`, held-out main colours included: only for what judges results."""
    spec = draw_spec(kind, rng)
    if spec.color is None:
        return spec
    color = str(rng.choice([c for c in COLOR_NAMES if c != spec.part_color]))
    return replace(spec, color=color)


def part_colors(kind: Kind, spec: Spec) -> tuple[str, ...]:
    """Colour name of every part of the kind, in order of `kind.parts`.

    The first part takes the main colour, as do parts whose default is None; the rest keep their default
    unless the spec names them.
    """
    main = spec.color or kind.default_color
    colors = [
        main if index == 0 or part.color is None else part.color for index, part in enumerate(kind.parts)
    ]
    for index, part in enumerate(kind.parts):
        if part.name == spec.part:
            assert spec.part_color is not None
            colors[index] = spec.part_color
    return tuple(colors)
