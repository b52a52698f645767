"""Which kinds of object a text names."""

import re
from collections.abc import Mapping, Sequence

from training.objects.kind import Kind


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
