"""An endless supply of captions for a spec, in the ways in which people word short prompts.

Wording varies: word order ("pink bicycle", "bicycle, pink", "bicycle in pink"), synonyms of kind and
colour, materials as colours, adjectives and tails without visual effect, parts ("with yellow legs", "and
black wheels"), articles, case and a final full stop. What is drawn stays what the spec says.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from training.objects.colors import color_named
from training.objects.kind import Kind
from training.text.kind_names import kinds_in, nouns_of
from training.text.specs import Spec, captioned_parts
from training.text.unknown_words import UNKNOWN_THINGS
from training.text.words import ADJECTIVES, DETAILS, GENERIC, MATERIAL_ADJECTIVES, SHADES, SYLLABLES, TAILS

SYNONYM_SHARE = 0.4
PLAIN_SHARE = 0.35
ADJECTIVE_SHARE = 0.45
TAIL_SHARE = 0.35
COMPOUND_SHARE = 0.08
DEPICTED_SHARE = 0.08
TWO_COLOR_SHARE = 0.2
VAGUE_SHARE = 0.5
ANYTHING = ("thing", "object", "item", "piece", "something")

AFTER_NOUN: tuple[str, ...] = (
    "{noun}, {color}",
    "{noun} in {color}",
    "{noun} {color} in color",
    "{noun} painted {color}",
    "{noun} with {color} finish",
    "{noun} that is {color}",
    "{noun}, {color} and {adjective}",
    "{noun} {color} and {adjective}",
    "{noun} of {color} color",
    "{noun} {adjective} and {color}",
    "{noun} with {color} body",
    "{noun} with {color} paint job",
    "{noun} all in {color}",
)
BEFORE_NOUN: tuple[str, ...] = ("{color} {noun}", "{color}-colored {noun}", "{color} colored {noun}")
COMPOUNDS: tuple[str, ...] = (
    " ", " ", " ", "-shaped ", "-themed ", "-inspired ", "-style ", "-accented ", "-covered ", "-studded ",
    "-patterned ",
)  # fmt: skip
DEPICTED: tuple[str, ...] = (
    "{noun} {generic}",
    "{noun} {generic}",
    "{noun}-shaped {generic}",
    "{generic} of {noun}",
    "{generic} shaped like a {noun}",
    "{noun} {other}",
    "{noun}-shaped {other}",
    "{other} in shape of {noun}",
    "{other} with {noun}",
    "{other} on {noun}",
)
"""Where the kind is not the head of the phrase, it is still the only thing that we can draw."""
PART_FORMS: tuple[str, ...] = (
    "{thing} with {color} {part}",
    "{thing} with {color} {part}",
    "{thing} with {adjective} {color} {part}",
    "{thing} and {color} {part}",
    "{thing}, {color} {part}",
    "{thing} with {part} in {color}",
    "{thing} with {color}-colored {part}",
    "{thing} that has {color} {part}",
    "{thing} featuring {color} {part}",
    "{thing} having {color} {part}",
)


class CaptionWriter:
    """Writes captions for specs of the given kinds.

    Two writers with equal generators write equal captions. Colour synonyms that are also a word of some
    kind ("rose") are never used.
    """

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self._kinds: Mapping[str, Kind] = {kind.name: kind for kind in kinds}
        self._nouns = {
            word for kind in kinds for name in (kind.name, *kind.synonyms) for word in name.split()
        }
        self._names = nouns_of(kinds)
        self._others = tuple(t for t in UNKNOWN_THINGS if not self._nouns.intersection(t.split()))

    def write(self, spec: Spec, rng: np.random.Generator) -> str:
        """One caption of the spec."""
        noun = self._noun(spec.kind, rng)
        roll = rng.random()
        if roll < COMPOUND_SHARE:
            noun = f"{self._other(rng)}{pick(COMPOUNDS, rng)}{noun}"
        elif roll < COMPOUND_SHARE + DEPICTED_SHARE:
            noun = pick(DEPICTED, rng).format(noun=noun, generic=pick(GENERIC, rng), other=self._other(rng))
        if self._reads_as_two_colors(spec) and rng.random() < TWO_COLOR_SHARE:
            first, second = (
                self._color_word(spec.color or "", rng),
                self._color_word(spec.part_color or "", rng),
            )
            return dress(self._with_tail(f"{first} and {second} {noun}", rng), rng)
        thing = self._with_part(self._colored(noun, spec.color, rng), spec, rng)
        thing = self._with_tail(thing, rng)
        return dress(thing, rng)

    def write_vague(self, spec: Spec, rng: np.random.Generator) -> str:
        """A caption with the colours of the spec and without its kind ("a shiny brown thing").

        The noun is one for anything, or one of a thing that nobody draws: so a colour word means its colour
        whatever it stands with. Specs without a main colour get a caption with their kind.
        """
        if spec.color is None:
            return self.write(spec, rng)
        text = self._vague(spec, spec.color, rng)
        while kinds_in(text, self._names) - kinds_in(spec.part or "", self._names):  # "a crystal red thing"
            text = self._vague(spec, spec.color, rng)
        return dress(text, rng)

    def _vague(self, spec: Spec, main_color: str, rng: np.random.Generator) -> str:
        noun = pick(ANYTHING, rng) if rng.random() < VAGUE_SHARE else self._other(rng)
        return self._with_part(self._colored(noun, main_color, rng), spec, rng)

    def _with_part(self, thing: str, spec: Spec, rng: np.random.Generator) -> str:
        """The thing with its part in that part's colour, if the spec has one."""
        if spec.part is None:
            return thing
        assert spec.part_color is not None
        color = self._color_word(spec.part_color, rng)
        return pick(PART_FORMS, rng).format(
            thing=thing, color=color, part=spec.part, adjective=pick(ADJECTIVES, rng)
        )

    def _reads_as_two_colors(self, spec: Spec) -> bool:
        """Whether "blue and white robot" says the spec: its first captioned part has the second colour."""
        parts = captioned_parts(self._kinds[spec.kind])
        return spec.color is not None and spec.part is not None and spec.part == parts[0]

    def _other(self, rng: np.random.Generator) -> str:
        """Something that is no kind, real or invented."""
        return invented_word(rng) if rng.random() < 0.25 else pick(self._others, rng)

    def _noun(self, kind_name: str, rng: np.random.Generator) -> str:
        kind = self._kinds[kind_name]
        if kind.synonyms and rng.random() < SYNONYM_SHARE:
            return pick(kind.synonyms, rng)
        return kind.name

    def _color_word(self, color: str, rng: np.random.Generator) -> str:
        synonyms = [s for s in color_named(color).synonyms if s not in self._nouns]
        if synonyms and rng.random() < SYNONYM_SHARE:
            return pick(synonyms, rng)
        return f"{pick(SHADES, rng)} {color}" if rng.random() < 0.1 else color

    def _colored(self, noun: str, color: str | None, rng: np.random.Generator) -> str:
        plain = rng.random() < PLAIN_SHARE
        adjective = pick(ADJECTIVES, rng)
        if color is None:
            return noun if plain else self._dull(f"{adjective} {noun}", adjective, noun)
        word = self._color_word(color, rng)
        if not plain and rng.random() < 0.3:
            return pick(AFTER_NOUN, rng).format(noun=noun, color=word, adjective=adjective)
        if not plain and rng.random() < 0.12:
            noun = f"{pick(MATERIAL_ADJECTIVES, rng)} {noun}"
        form = BEFORE_NOUN[0] if plain or rng.random() < 0.8 else pick(BEFORE_NOUN, rng)
        thing = form.format(noun=noun, color=word)
        if plain or rng.random() >= ADJECTIVE_SHARE:
            return thing
        if rng.random() < 0.3 and form == BEFORE_NOUN[0]:
            joint = pick((" ", " and ", ", "), rng)
            return f"{word}{joint}{adjective} {noun}"
        return f"{adjective} {thing}"

    def _dull(self, thing: str, adjective: str, noun: str) -> str:
        """`thing`, unless its adjective reads as a colour (an uncoloured caption must name none)."""
        return noun if adjective in ("rusty", "metallic") else thing

    def _with_tail(self, thing: str, rng: np.random.Generator) -> str:
        if rng.random() >= TAIL_SHARE:
            return thing
        roll = rng.random()
        if roll < 0.45:
            return f"{thing} {pick(('with', 'with', 'and', 'featuring'), rng)} {detail(rng)}"
        if roll < 0.65:
            ending = pick(("", "", " design", " pattern", " motif", " print", " accents"), rng)
            return f"{thing} with {self._other(rng)}{ending}"
        return f"{thing}{pick((' ', ', '), rng)}{pick(TAILS, rng)}"


def pick(options: Sequence[str], rng: np.random.Generator) -> str:
    """One of the options."""
    return options[int(rng.integers(len(options)))]


def invented_word(rng: np.random.Generator) -> str:
    """A word that nobody has seen, from two to four syllables."""
    return "".join(pick(SYLLABLES, rng) for _ in range(int(rng.integers(2, 5))))


def detail(rng: np.random.Generator) -> str:
    """Something a prompt adds and we do not draw: "floral engraving", "dragon motif"."""
    words = pick(DETAILS, rng)
    return f"{pick(ADJECTIVES, rng)} {words}" if rng.random() < 0.5 else words


def dress(text: str, rng: np.random.Generator) -> str:
    """Articles, lead-ins, case and punctuation, each rarely."""
    roll = rng.random()
    if roll < 0.12:
        text = f"{'an' if text[0] in 'aeiou' else 'a'} {text}"
    elif roll < 0.15:
        text = f"the {text}"
    elif roll < 0.18:
        text = pick(("a 3d model of a ", "a picture of a ", "one "), rng) + text
    roll = rng.random()
    if roll < 0.06:
        text = text[0].upper() + text[1:]
    elif roll < 0.08:
        text = text.title()
    elif roll < 0.09:
        text = text.upper()
    return f"{text}." if rng.random() < 0.04 else text
