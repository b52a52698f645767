"""The prompts of an evaluation: unseen kind x colour pairs, known prompts of other people, unknown ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.objects.kind import Kind
from training.text.captions import CaptionWriter
from training.text.kind_names import mentioned_kinds
from training.text.specs import Spec, held_out_pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class TestPrompt:
    """A prompt, and what it should give: kind and main colour where they are known."""

    text: str
    kind: str | None = None
    color: str | None = None


def unseen_pairs(kinds: Sequence[Kind], limit: int, seed: int, wordings: int = 1) -> list[TestPrompt]:
    """Prompts of kind x colour pairs that no training saw, each in so many free wordings."""
    rng, writer = np.random.default_rng(seed), CaptionWriter(kinds)
    pairs = held_out_pairs(kinds)
    chosen = [pairs[i] for i in rng.permutation(len(pairs))[:limit]]
    return [
        TestPrompt(text=writer.write(Spec(kind=kind, color=color), rng), kind=kind, color=color)
        for kind, color in chosen * wordings
    ]


def every_kind(kinds: Sequence[Kind]) -> list[TestPrompt]:
    """The plain name of every kind."""
    return [TestPrompt(text=kind.name, kind=kind.name, color=kind.default_color) for kind in kinds]


def split_by_knowledge(
    prompts: Sequence[str], kinds: Sequence[Kind]
) -> tuple[list[TestPrompt], list[TestPrompt]]:
    """(known, unknown): whether a prompt names a kind, or a synonym of one, anywhere."""
    known, unknown = [], []
    for prompt in prompts:
        named = mentioned_kinds(prompt, kinds)
        if named:
            known.append(TestPrompt(text=prompt, kind=next(iter(named)) if len(named) == 1 else None))
        else:
            unknown.append(TestPrompt(text=prompt))
    return known, unknown


def sample(prompts: Sequence[TestPrompt], count: int, seed: int) -> list[TestPrompt]:
    """`count` of them at random, repeatably."""
    order = np.random.default_rng(seed).permutation(len(prompts))
    return [prompts[i] for i in order[:count]]
