"""Endless prompts about things that the family does not know, and which prompts name a known kind."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from training.objects.colors import COLORS
from training.objects.kind import Kind
from training.text.captions import COMPOUNDS, detail, dress, invented_word, pick
from training.text.unknown_words import UNKNOWN_THINGS
from training.text.words import ADJECTIVES, GENERIC, TAILS

HEAD_END = re.compile(
    r"\b(?:with|in|on|of|for|at|from|by|holding|wearing|made|covered|has|having|featuring|that|under|near|shaped|"
    r"wrapped|painted|perched|floating|disguised|resembling|like)\b|[,.;:(]"
)
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


def stem(word: str) -> str:
    """A noun without its plural ending, good enough to compare nouns."""
    for ending, instead in (
        ("ves", "f"),
        ("ies", "y"),
        ("xes", "x"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("ss", "ss"),
    ):
        if word.endswith(ending):
            return word.removesuffix(ending) + instead
    return word.removesuffix("s")


def words_of(text: str) -> list[str]:
    """Stemmed lower-case words, hyphens split."""
    return [stem(word) for word in re.findall(r"[a-z0-9]+", text.lower())]


def nouns_of(kinds: Sequence[Kind]) -> dict[str, str]:
    """Every name and synonym, stemmed ("bus stop" -> "bus stop"), with the kind it means."""
    return {" ".join(words_of(noun)): kind.name for kind in kinds for noun in (kind.name, *kind.synonyms)}


def mentioned_kinds(prompt: str, kinds: Sequence[Kind]) -> set[str]:
    """Kinds whose name or a synonym occurs anywhere in the prompt.

    The longest name counts ("palm tree" is no tree), and "rose gold" is a colour.
    """
    return kinds_in(prompt, nouns_of(kinds))


def kinds_in(prompt: str, nouns: Mapping[str, str]) -> set[str]:
    """Like `mentioned_kinds`, with a table of stemmed nouns."""
    text = f" {' '.join(words_of(prompt))} ".replace(" rose gold ", " gold ")
    found = set()
    for noun in sorted((noun for noun in nouns if f" {noun} " in text), key=len, reverse=True):
        if f" {noun} " in text:
            found.add(nouns[noun])
            text = text.replace(f" {noun} ", " | ")
    return found


def named_kind(prompt: str, kinds: Sequence[Kind]) -> str | None:
    """The kind that the prompt's head noun is, or None.

    The head is what stands before the first "with", "in", comma and so on; the kind must be its last words,
    or the last before an "and" ("convertible red and glossy" and other nouns in front of their adjectives
    are not found).
    """
    nouns = nouns_of(kinds)
    head = HEAD_END.split(prompt.lower().strip(), maxsplit=1)[0]
    for part in (head, head.split(" and ")[0]):
        text = f" {' '.join(words_of(part))}"
        matches = [noun for noun in nouns if text.endswith(f" {noun}")]
        if matches:
            return nouns[max(matches, key=len)]
    return None


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
