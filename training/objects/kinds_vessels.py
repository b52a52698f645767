"""Vessels: mug, teapot, vase, bottle."""

from collections.abc import Sequence

import numpy as np

from training.objects.builder import Builder
from training.objects.kind import Kind, Part
from training.objects.outlines import curve, profile


def band(
    b: Builder, part: str, edge: Sequence[tuple[float, float]], thick: float, *, tone: float = 1.0
) -> None:
    """A ring that lies `thick` proud of a surface whose (radius, z) line is `edge`, from its lower end up."""
    outer = [(r + thick, z) for r, z in edge]
    b.lathe(part, outer + [(r - 0.02, z) for r, z in reversed(edge)], tone=tone)


def build_mug(b: Builder) -> None:
    radius, height = b.vary(0.33, 0.06), b.vary(0.72, 0.07)
    outer = [
        (0, 0),
        (radius - 0.05, 0),
        (radius - 0.012, 0.018),
        (radius, 0.06),
        (radius, height - 0.02),
        (radius - 0.02, height),
        (radius - 0.045, height - 0.015),
    ]
    b.lathe("body", [*outer, (radius - 0.05, 0.09), (0, 0.07)])
    b.cylinder("coffee", radius - 0.045, 0.04, at=(0, 0, height - 0.14))
    loop = [
        (radius - 0.02, 0.0, 0.8 * height),
        (radius + 0.12, 0.0, 0.84 * height),
        (radius + 0.23, 0.0, 0.66 * height),
        (radius + 0.21, 0.0, 0.4 * height),
        (radius + 0.1, 0.0, 0.24 * height),
        (radius - 0.02, 0.0, 0.22 * height),
    ]
    for y in (-0.022, 0.022):
        b.tube("handle", [(x, y, z) for x, _, z in curve(loop, 18)], 0.045)


def build_teapot(b: Builder) -> None:
    wide, tall = b.vary(0.37, 0.06), b.vary(0.6, 0.06)
    side = profile([(0.55, 0.03), (0.9, 0.14), (1.0, 0.42), (0.85, 0.76), (0.58, 0.97)], 24, wide)
    body = [(r, z * tall) for r, z in side]
    b.lathe("body", [(0, 0.02), *body, (0, 0.97 * tall)])
    b.lathe("trim", [(0, 0), (0.6 * wide, 0), (0.58 * wide, 0.045), (0, 0.045)])
    b.torus("trim", 0.56 * wide, 0.022, at=(0, 0, 0.98 * tall))
    dome = profile([(0.55, 0), (0.48, 0.07), (0.26, 0.13), (0, 0.15)], 12, wide)
    b.lathe("lid", [(0, -0.01), *dome], at=(0, 0, tall))
    b.ellipsoid("trim", 0.05, at=(0, 0, tall + 0.18))
    spout = curve(
        [
            (0.75 * wide, 0, 0.3 * tall),
            (wide + 0.1, 0, 0.42 * tall),
            (wide + 0.16, 0, 0.72 * tall),
            (wide + 0.26, 0, 0.99 * tall),
        ]
    )
    b.tube("body", spout, np.linspace(0.1, 0.042, len(spout)).tolist())
    tip = spout[-1]
    b.torus("trim", 0.038, 0.018, at=(tip[0] + 0.012, 0, tip[2] + 0.03), rotate=(0, 30, 0))
    loop = curve(
        [
            (-0.78 * wide, 0, 0.86 * tall),
            (-wide - 0.1, 0, 0.98 * tall),
            (-wide - 0.2, 0, 0.8 * tall),
            (-wide - 0.19, 0, 0.5 * tall),
            (-wide - 0.08, 0, 0.3 * tall),
            (-0.88 * wide, 0, 0.26 * tall),
        ],
        20,
    )
    b.tube("handle", loop, 0.042)


def build_vase(b: Builder) -> None:
    wide, foot, neck, lip = b.vary(0.3, 0.08), b.vary(0.14, 0.08), b.vary(0.12, 0.08), b.vary(0.2, 0.08)
    outer = profile(
        [
            (foot, 0.03),
            (0.72 * wide, 0.17),
            (wide, 0.44),
            (0.8 * wide, 0.66),
            (neck, 0.82),
            (0.75 * lip, 0.92),
            (lip, 0.98),
        ],
        48,
    )
    inner = [(max(r - 0.028, 0.01), z) for r, z in outer if z > 0.5]
    b.lathe("body", [(0, 0.03), *outer, *reversed(inner), (0, 0.5)])
    b.torus("rim", lip - 0.012, 0.026, at=(0, 0, 0.985))
    b.lathe("rim", [(0, 0), (foot + 0.04, 0), (foot + 0.035, 0.03), (foot, 0.055), (0, 0.055)])
    for low, high in ((0.27, 0.36), (0.52, 0.61)):
        band(b, "stripes", [(r, z) for r, z in outer if low <= z <= high], 0.009)
    band(b, "rim", [(r, z) for r, z in outer if 0.8 <= z <= 0.84], 0.016)


def build_bottle(b: Builder) -> None:
    radius, neck, shoulder = b.vary(0.165, 0.08), b.vary(0.058, 0.06), b.vary(0.6, 0.05)
    outer = profile(
        [
            (radius, shoulder - 0.03),
            (radius, shoulder),
            (0.78 * radius, shoulder + 0.08),
            (neck + 0.012, shoulder + 0.17),
            (neck, shoulder + 0.24),
        ],
        20,
    )
    b.lathe(
        "body",
        [
            (0, 0),
            (radius - 0.03, 0),
            (radius - 0.008, 0.012),
            (radius, 0.04),
            *outer,
            (neck, 0.99),
            (0, 0.99),
        ],
    )
    b.lathe(
        "label",
        [(radius - 0.02, 0.13), (radius + 0.008, 0.13), (radius + 0.008, 0.43), (radius - 0.02, 0.43)],
    )
    for z in (0.165, 0.395):
        b.lathe(
            "trim",
            [
                (radius - 0.02, z - 0.012),
                (radius + 0.016, z - 0.012),
                (radius + 0.016, z + 0.012),
                (radius - 0.02, z + 0.012),
            ],
        )
    b.ellipsoid("trim", (0.06, 0.03, 0.06), at=(0, -radius - 0.002, 0.28))
    b.lathe(
        "cap",
        [
            (0, 0.84),
            (neck + 0.012, 0.84),
            (neck + 0.012, 0.94),
            (neck + 0.022, 0.945),
            (neck + 0.022, 0.985),
            (neck + 0.008, 1.0),
            (0, 1.0),
        ],
    )


MUG = Kind(
    name="mug",
    synonyms=("coffee mug", "coffee cup", "cup", "teacup"),
    default_color="blue",
    build=build_mug,
    parts=(Part(name="body"), Part(name="handle", captioned=True), Part(name="coffee", color="brown")),
)
TEAPOT = Kind(
    name="teapot",
    synonyms=("tea pot", "kettle", "tea kettle"),
    default_color="teal",
    build=build_teapot,
    parts=(
        Part(name="body"),
        Part(name="lid", captioned=True),
        Part(name="handle", captioned=True),
        Part(name="trim", color="gold", captioned=True),
    ),
)
VASE = Kind(
    name="vase",
    synonyms=("flower vase", "urn"),
    default_color="blue",
    build=build_vase,
    parts=(
        Part(name="body"),
        Part(name="stripes", color="white", captioned=True),
        Part(name="rim", color="gold", captioned=True),
    ),
)
BOTTLE = Kind(
    name="bottle",
    synonyms=("wine bottle", "glass bottle", "water bottle"),
    default_color="green",
    build=build_bottle,
    parts=(
        Part(name="body"),
        Part(name="label", color="white", captioned=True),
        Part(name="cap", color="red", captioned=True),
        Part(name="trim", color="gold"),
    ),
)

KINDS: tuple[Kind, ...] = (MUG, TEAPOT, VASE, BOTTLE)
