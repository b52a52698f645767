"""What the judge learns from: pictures with severities, and texts with what they claim.

Every picture has texts that fit it (its full spec, or one that says less) and texts that nearly fit
(another colour, another kind, another part's colour, colours swapped). Which text fits which picture
follows from their attributes, so any picture can be compared with any text.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from training.objects.catalog import MAX_PARTS
from training.objects.colors import COLOR_NAMES
from training.objects.kind import Kind
from training.text.specs import Spec, captioned_parts, part_colors

ANY = -1
Claims = Int[Tensor, "*texts 4"]
"""What texts say: kind, main colour, part, part's colour, as indices; -1 where they say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeData:
    """Everything on the training device.

    Attributes:
        kinds: Kind of each picture.
        colors: Colour index of each part of each picture.
        fitting, near: Token ids of each picture's own texts and of its near misses.
        unknown: Token ids of prompts that fit no picture.
    """

    pictures: UInt8[Tensor, "pictures height width 3"]
    severities: Float[Tensor, "pictures"]
    kinds: Int[Tensor, "pictures"]
    colors: Int[Tensor, "pictures parts"]
    fitting: Int[Tensor, "pictures texts length"]
    fitting_claims: Int[Tensor, "pictures texts 4"]
    near: Int[Tensor, "pictures texts length"]
    near_claims: Int[Tensor, "pictures texts 4"]
    unknown: Int[Tensor, "prompts length"]


def fits(
    kinds: Int[Tensor, "pictures"], colors: Int[Tensor, "pictures parts"], claims: Int[Tensor, "texts 4"]
) -> Bool[Tensor, "pictures texts"]:
    """Whether each text is true of each picture."""
    kind, color, part, part_color = claims.long().unbind(-1)
    same_kind = kinds[:, None] == kind
    same_color = (color == ANY) | (colors[:, :1] == color)
    same_part = (part == ANY) | (colors[:, part.clamp(min=0)] == part_color)
    return same_kind & same_color & same_part


def claims_of(spec: Spec, kinds: Sequence[Kind]) -> tuple[int, int, int, int]:
    """A spec as indices."""
    index = next(i for i, kind in enumerate(kinds) if kind.name == spec.kind)
    color = ANY if spec.color is None else COLOR_NAMES.index(spec.color)
    if spec.part is None or spec.part_color is None:
        return index, color, ANY, ANY
    part = next(i for i, part in enumerate(kinds[index].parts) if part.name == spec.part)
    return index, color, part, COLOR_NAMES.index(spec.part_color)


def color_indices(kind: Kind, spec: Spec) -> list[int]:
    """Colour index of every part, padded."""
    indices = [COLOR_NAMES.index(name) for name in part_colors(kind, spec)]
    return indices + [0] * (MAX_PARTS - len(indices))


def weaker(spec: Spec, rng: np.random.Generator) -> Spec:
    """A spec that says less and is still true."""
    if spec.part is not None and rng.random() < 0.6:
        return replace(spec, part=None, part_color=None)
    if spec.color is not None and spec.part is None and rng.random() < 0.4:
        return replace(spec, color=None)
    return spec


def near_miss(kind: Kind, spec: Spec, kinds: Sequence[Kind], rng: np.random.Generator) -> Spec:
    """A spec that is wrong in one respect."""
    main = spec.color or kind.default_color
    roll = rng.random()
    if spec.part is not None and roll < 0.35:
        others = [c for c in COLOR_NAMES if c != spec.part_color]
        return replace(spec, color=main, part_color=str(rng.choice(others)))
    if spec.part is not None and roll < 0.55:
        return replace(spec, color=spec.part_color, part_color=main)
    if spec.part is None and captioned_parts(kind) and roll < 0.2:
        colors = dict(zip((part.name for part in kind.parts), part_colors(kind, spec), strict=True))
        part = str(rng.choice(captioned_parts(kind)))
        return replace(
            spec, part=part, part_color=str(rng.choice([c for c in COLOR_NAMES if c != colors[part]]))
        )
    if roll < 0.7:
        return replace(spec, color=str(rng.choice([c for c in COLOR_NAMES if c != main])))
    other = kinds[int(rng.integers(len(kinds)))]
    while other.name == kind.name and len(kinds) > 1:
        other = kinds[int(rng.integers(len(kinds)))]
    return Spec(kind=other.name, color=main)


def texts_for(
    specs: Sequence[Spec], kinds: Sequence[Kind], rng: np.random.Generator
) -> tuple[list[Spec], list[Spec]]:
    """Two true specs and two near misses a picture, flat (picture 0's two, picture 1's two, ...)."""
    by_name = {kind.name: kind for kind in kinds}
    true = [each for spec in specs for each in (spec, weaker(spec, rng))]
    false = [near_miss(by_name[spec.kind], spec, kinds, rng) for spec in specs for _ in range(2)]
    return true, false


def claims_tensor(specs: Sequence[Spec], kinds: Sequence[Kind]) -> Int[Tensor, "specs 4"]:
    return torch.tensor([claims_of(spec, kinds) for spec in specs], dtype=torch.int16)
