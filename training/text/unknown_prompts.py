"""Endless prompts about things that the family does not know."""

from collections.abc import Sequence

import numpy as np

from training.objects.colors import COLORS
from training.objects.kind import Kind
from training.text.captions import COMPOUNDS, detail, dress, invented_word, pick
from training.text.kind_names import kinds_in, nouns_of
from training.text.unknown_words import UNKNOWN_THINGS
from training.text.words import ADJECTIVES, GENERIC, TAILS

PREFIXES: tuple[str, ...] = (
    "pair of",
    "set of",
    "pile of",
    "bunch of",
    "cluster of",
    "stack of",
    "piece of",
    "jar of",
)
GARBAGE: tuple[str, ...] = (
    "42", "null", "undefined", "hello world", "test", "lorem ipsum", "asdf", "the quick brown fox", "{}",
    "???", "something", "nothing", "an object", "a thing", "it", "love", "music", "time", "freedom",
    "mathematics", "blue", "red and yellow", "shiny", "very large", "object with stripes",
    "thing with wheels", "item", "prompt", "none",
)  # fmt: skip


class UnknownPromptWriter:
    """Writes prompts in which no word is a known kind."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self._colors = [word for color in COLORS for word in (color.name, *color.synonyms)]
        self._nouns = nouns_of(kinds)
        self.things = tuple(thing for thing in UNKNOWN_THINGS if not kinds_in(thing, self._nouns))

    def write(self, rng: np.random.Generator) -> str:
        """One prompt."""
        text = self._any(rng)
        while kinds_in(text, self._nouns):
            text = self._any(rng)
        return text

    def _any(self, rng: np.random.Generator) -> str:
        roll = rng.random()
        if roll < 0.02:
            return pick(GARBAGE, rng)
        thing = self._thing(rng)
        if roll < 0.10:
            thing = (
                f"{thing} {pick(GENERIC, rng)}" if rng.random() < 0.5 else f"{pick(GENERIC, rng)} of {thing}"
            )
        elif roll < 0.16:
            thing = f"{pick(PREFIXES, rng)} {thing}s"
        elif roll < 0.24:
            thing = f"{self._thing(rng)}{pick(COMPOUNDS, rng)}{thing}"
        elif roll < 0.28:
            thing = f"{pick(PREFIXES, rng)} {pick((*self._colors, *ADJECTIVES), rng)} {thing}s"
        return dress(self._with_tail(self._described(thing, rng), rng), rng)

    def _thing(self, rng: np.random.Generator) -> str:
        if rng.random() < 0.15:
            return invented_word(rng)
        return pick(self.things, rng)

    def _described(self, thing: str, rng: np.random.Generator) -> str:
        roll = rng.random()
        color, adjective = pick(self._colors, rng), pick(ADJECTIVES, rng)
        if roll < 0.2:
            return thing
        if roll < 0.55:
            return f"{color} {thing}"
        if roll < 0.7:
            return f"{adjective} {thing}"
        if roll < 0.82:
            return f"{adjective} {color} {thing}"
        if roll < 0.86:
            return f"{thing} {adjective} and {color}"
        return f"{color} and {pick(self._colors, rng)} {thing}" if roll < 0.93 else f"{thing}, {color}"

    def _with_tail(self, text: str, rng: np.random.Generator) -> str:
        roll = rng.random()
        if roll < 0.45:
            return text
        if roll < 0.6:
            return f"{text} with {pick(self._colors, rng)} {pick(self.things, rng)}"
        if roll < 0.7:
            joint = pick(("with", "on", "and", "shaped like", "next to", "in shape of"), rng)
            return f"{text} {joint} {pick(self.things, rng)}"
        if roll < 0.85:
            return f"{text} with {detail(rng)}"
        return f"{text} {pick(TAILS, rng)}"
