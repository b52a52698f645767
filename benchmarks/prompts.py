"""Prompts of which none comes again before 142 others, so that no cache of text states helps.

Kinds and colours are ones that the embedded family draws well; with random weights any words do.
"""

COLORS = ("red", "blue", "green", "yellow", "orange", "purple", "pink", "brown", "white", "gray", "black")
KINDS = (
    "bicycle", "chair", "cactus", "mushroom", "table", "rocket", "car", "mug", "lamp", "teapot", "sofa",
    "tree", "guitar",
)  # fmt: skip
NUM_PROMPTS = len(COLORS) * len(KINDS)


def prompt_of(number: int) -> str:
    """The prompt of a request: all pairs of colour and kind come once before one repeats."""
    return f"{COLORS[number % len(COLORS)]} {KINDS[number % len(KINDS)]}"
