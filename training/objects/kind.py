"""What a kind of object is: its names, its parts and how they are coloured, and how it is built."""

from collections.abc import Callable
from dataclasses import dataclass

from training.objects.builder import Builder


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a kind.

    Attributes:
        name: The word in `Builder` calls, and in captions when `captioned` ("legs", "wheels").
        color: Default colour name (`training.objects.colors`); None means the main colour.
        captioned: Whether prompts may name it with a colour of its own ("with yellow legs").
    """

    name: str
    color: str | None = None
    captioned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of object.

    Attributes:
        name: The noun of captions, singular, lower case.
        synonyms: Other nouns that mean it.
        default_color: The main colour when a prompt names none.
        parts: The first part takes the prompt's main colour. At most 8.
        build: Adds the solids of one random instance.
    """

    name: str
    synonyms: tuple[str, ...] = ()
    default_color: str
    parts: tuple[Part, ...]
    build: Callable[[Builder], None]
