"""The thirteen colours of the embedded family: names, display values, and the words people use for them.

Values are display-referred sRGB in 0..1 (what a flat, fully lit surface shows), chosen so that Lambert
shading (values times 0.55 .. 1) keeps every pair apart: hues at least 30 degrees apart, or lightness far
apart among the neutrals and along orange - gold - brown.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedColor:
    """One colour.

    Attributes:
        name: The word used in specs. srgb: Red, green, blue in 0..1, display-referred. synonyms: Other
        words that mean this colour in a prompt (materials included); never another colour's name.
    """

    name: str
    srgb: tuple[float, float, float]
    synonyms: tuple[str, ...]


COLORS: tuple[NamedColor, ...] = (
    NamedColor(
        name="red",
        srgb=(0.86, 0.08, 0.09),
        synonyms=(
            "crimson",
            "scarlet",
            "ruby",
            "cherry red",
            "bright red",
            "dark red",
            "garnet",
            "vermilion",
        ),
    ),
    NamedColor(
        name="orange",
        srgb=(0.98, 0.47, 0.05),
        synonyms=("tangerine", "bright orange", "amber", "carrot orange", "rust orange"),
    ),
    NamedColor(
        name="yellow",
        srgb=(0.99, 0.90, 0.10),
        synonyms=("lemon yellow", "bright yellow", "sunny yellow", "canary yellow", "citrine"),
    ),
    NamedColor(
        name="green",
        srgb=(0.10, 0.62, 0.14),
        synonyms=("emerald", "lime green", "olive green", "dark green", "bright green", "jade", "mossy"),
    ),
    NamedColor(
        name="teal",
        srgb=(0.05, 0.70, 0.68),
        synonyms=("turquoise", "cyan", "aqua", "aquamarine", "mint"),
    ),
    NamedColor(
        name="blue",
        srgb=(0.10, 0.25, 0.88),
        synonyms=("azure", "navy", "navy blue", "sapphire", "cobalt", "dark blue", "royal blue", "indigo"),
    ),
    NamedColor(
        name="purple",
        srgb=(0.50, 0.13, 0.74),
        synonyms=("violet", "lavender", "amethyst", "plum", "lilac", "mauve"),
    ),
    NamedColor(
        name="pink",
        srgb=(0.98, 0.45, 0.70),
        synonyms=("magenta", "fuchsia", "hot pink", "rose", "pale pink", "salmon", "coral"),
    ),
    NamedColor(
        name="brown",
        srgb=(0.43, 0.23, 0.09),
        synonyms=(
            "wooden",
            "wood",
            "oak",
            "mahogany",
            "walnut",
            "chocolate",
            "leather",
            "bronze",
            "copper",
            "rusty",
        ),
    ),
    NamedColor(
        name="black",
        srgb=(0.07, 0.07, 0.08),
        synonyms=("onyx", "ebony", "obsidian", "jet black", "charcoal", "matte black"),
    ),
    NamedColor(
        name="white",
        srgb=(0.97, 0.97, 0.96),
        synonyms=("ivory", "cream", "snow white", "pearl", "marble", "porcelain", "snowy"),
    ),
    NamedColor(
        name="gray",
        srgb=(0.52, 0.53, 0.55),
        synonyms=(
            "grey",
            "silver",
            "steel",
            "chrome",
            "metal",
            "metallic",
            "iron",
            "stone",
            "concrete",
            "titanium",
        ),
    ),
    NamedColor(
        name="gold",
        srgb=(0.80, 0.60, 0.12),
        synonyms=("golden", "gilded", "rose gold", "brass", "gold plated"),
    ),
)
"""Every colour, in the order of its index."""

COLOR_NAMES: tuple[str, ...] = tuple(color.name for color in COLORS)
COLOR_SRGB: dict[str, tuple[float, float, float]] = {color.name: color.srgb for color in COLORS}
SYNONYM_TO_COLOR: dict[str, str] = {word: c.name for c in COLORS for word in (c.name, *c.synonyms)}


def color_named(word: str) -> NamedColor:
    """The colour that a name or a synonym means.

    Raises:
        ValueError: No colour has that word.
    """
    name = SYNONYM_TO_COLOR.get(word.lower())
    if name is None:
        raise ValueError(f"no colour is called {word!r}")
    return next(color for color in COLORS if color.name == name)
