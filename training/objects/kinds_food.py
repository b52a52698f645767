"""Fruit: apple, pumpkin, banana, pineapple."""

import numpy as np
from jaxtyping import Float

from training.objects.builder import Builder, Vector
from training.objects.kind import Kind, Part
from training.objects.shaping import around, beside, facets, leaf, orient, outline, path


def build_apple(b: Builder) -> None:
    width, height = b.vary(0.47, 0.05), b.vary(0.86, 0.06)
    control = [
        (0.0, 0.09),
        (0.2, 0.02),
        (0.45, 0.02),
        (0.78, 0.22),
        (1.0, 0.6),
        (0.92, 0.88),
        (0.62, 1.0),
        (0.3, 0.97),
        (0.1, 0.88),
        (0.0, 0.84),
    ]
    b.lathe("body", outline([(r * width, z * height) for r, z in control], 48))
    for angle in range(36, 396, 72):
        x, y, _ = around(angle, 0.34 * width)
        b.ellipsoid("body", (0.21 * width, 0.21 * width, 0.1 * height), at=(x, y, 0.085 * height))
        x, y, _ = around(angle, 0.5 * width)
        b.ellipsoid("body", (0.34 * width, 0.34 * width, 0.15 * height), at=(x, y, 0.87 * height))
    b.tube(
        "stem",
        path([(0, 0, 0.8 * height), (0.01, 0, 0.98 * height), (0.06, 0, 1.16 * height)], 8),
        [0.03, 0.028, 0.027, 0.027, 0.027, 0.028, 0.032, 0.04],
    )
    curve = path(
        [
            (0.03, 0, 1.04 * height),
            (0.14, -0.02, 1.14 * height),
            (0.28, -0.05, 1.17 * height),
            (0.4, -0.07, 1.1 * height),
        ],
        6,
    )
    leaf(b, "leaf", curve, (0.04, 0.085, 0.105, 0.085, 0.04), (0.2, -0.8, 1))


APPLE = Kind(
    name="apple",
    synonyms=("red delicious", "granny smith", "granny smith apple"),
    default_color="red",
    build=build_apple,
    parts=(
        Part(name="body"),
        Part(name="stem", color="brown", captioned=True),
        Part(name="leaf", color="green", captioned=True),
    ),
)


def build_pumpkin(b: Builder) -> None:
    width, height, rib = b.vary(0.29, 0.06), b.vary(0.36, 0.08), b.vary(0.215, 0.05)
    for index in range(10):
        x, y, _ = around(36.0 * index + 18, width)
        b.ellipsoid(
            "body",
            (rib, 0.72 * rib, height),
            at=(x, y, height),
            rotate=(0, 0, 36.0 * index + 18),
            tone=(1.03, 0.96)[index % 2],
        )
    b.ellipsoid("body", (width, width, 0.8 * height), at=(0, 0, height), tone=0.8)
    top = 1.72 * height
    lean = path([(0, 0, top), (0.0, 0, top + 0.16), (0.05, 0, top + 0.25), (0.13, 0, top + 0.29)], 12)
    b.tube("stem", lean, np.linspace(0.06, 0.05, 12).tolist(), tone=0.85)
    for angle in range(0, 360, 60):
        ridge = beside(lean, angle, np.linspace(0.045, 0.035, 12).tolist())
        b.tube(
            "stem", [around(angle - 90, 0.13, top + 0.03), *ridge[1:]], np.linspace(0.03, 0.024, 12).tolist()
        )
    turns = np.linspace(0, 1, 40)
    vine: list[Vector] = [
        (
            -0.05 - 0.36 * float(t),
            -0.12 + 0.05 * float(np.cos(14 * t)),
            top + 0.1 + 0.05 * float(np.sin(14 * t)) - 0.08 * float(t),
        )
        for t in turns
    ]
    b.tube("leaf", [(0, 0, top + 0.06), *vine], 0.017)
    _add_pumpkin_leaf(b, top)


def _add_pumpkin_leaf(b: Builder, top: float) -> None:
    lobes = (
        (0.1, 0.0, 0.13, 0.11),
        (0.2, 0.0, 0.12, 0.08),
        (0.14, 0.09, 0.1, 0.07),
        (0.14, -0.09, 0.1, 0.07),
    )
    ahead, across = np.array([0.75, -0.6, -0.12]), np.array([0.6, 0.75, 0.0])
    for forward, sideways, reach, width in lobes:
        x, y, z = (np.array([0.1, -0.08, top + 0.1]) + forward * ahead + sideways * across).tolist()
        along = ahead + 6 * sideways * across
        b.ellipsoid("leaf", (reach, width, 0.028), at=(x, y, z), rotate=orient(along.tolist(), (0, -0.1, 1)))
    b.rod("leaf", (0, 0, top + 0.08), (0.3, -0.23, top + 0.09), 0.02, tone=0.8)


PUMPKIN = Kind(
    name="pumpkin",
    synonyms=("halloween pumpkin",),
    default_color="orange",
    build=build_pumpkin,
    parts=(
        Part(name="body"),
        Part(name="stem", color="green", captioned=True),
        Part(name="leaf", color="green", captioned=True),
    ),
)


def build_banana(b: Builder) -> None:
    sweep, thick, size = b.vary(62, 0.1), b.vary(0.17, 0.08), 0.56
    angles = np.radians(np.linspace(-90 - sweep, -90 + sweep, 24))
    curve: list[Vector] = [(size * float(np.cos(a)), 0.0, size * float(np.sin(a))) for a in angles]
    taper = (
        np.interp(np.linspace(0, 1, 24), [0, 0.08, 0.25, 0.55, 0.85, 1], [0.4, 0.62, 0.95, 1.0, 0.75, 0.36])
        * thick
    )
    b.tube("body", curve, (0.86 * taper).tolist())
    for angle in (90, 162, 234, 306, 18):
        b.tube("body", beside(curve, angle, (0.55 * taper).tolist()), (0.46 * taper).tolist(), tone=1.02)
    start, end = np.array(curve[0]), np.array(curve[-1])
    out, away = start - np.array(curve[1]), end - np.array(curve[-2])
    out, away = out / np.linalg.norm(out), away / np.linalg.norm(away)
    neck = start + 0.08 * out + np.array([0.01, 0, 0.03])
    tip = neck + 0.09 * out + np.array([0.02, 0, 0.05])
    corners = [_point(start), _point(neck), _point(tip)]
    b.tube("stem", corners, [0.34 * thick, 0.29 * thick, 0.36 * thick])
    b.ellipsoid("stem", 0.36 * thick, at=corners[2], tone=0.6)
    b.rod("tip", _point(end), _point(end + 0.05 * away), 0.36 * thick, 0.26 * thick)


def _point(position: Float[np.ndarray, "3"]) -> Vector:
    return (float(position[0]), float(position[1]), float(position[2]))


BANANA = Kind(
    name="banana",
    synonyms=("plantain", "banana fruit"),
    default_color="yellow",
    build=build_banana,
    parts=(
        Part(name="body"),
        Part(name="stem", color="brown", captioned=True),
        Part(name="tip", color="black", captioned=True),
    ),
)


def build_pineapple(b: Builder) -> None:
    width, height, crown = b.vary(0.3, 0.07), b.vary(0.4, 0.06), b.vary(0.5, 0.08)
    b.ellipsoid("body", (width, width, height), at=(0, 0, height), tone=0.72)
    for row in range(9):
        polar = np.radians(20 + 17.5 * row)
        r, z = width * float(np.sin(polar)), height * (1 - float(np.cos(polar)))
        count = 12 if 2 <= row <= 6 else 7
        normal = float(np.degrees(np.arctan2(np.sin(polar) / width, -np.cos(polar) / height)))
        for index in range(count):
            angle = 360.0 * (index + 0.5 * (row % 2)) / count
            facets(
                b,
                "body",
                [(0, -0.04), (0.098, -0.02), (0.03, 0.034), (0, 0.034)],
                4,
                at=around(angle, r, z),
                rotate=(0, normal, angle),
                tone=1.0,
            )
    top = 2 * height - 0.04
    rings = (
        (8, 0.2, 0.42, 0.0, 0.85),
        (7, 0.14, 0.7, 25.0, 1.0),
        (5, 0.08, 0.92, 0.0, 1.1),
        (1, 0.0, 1.1, 0.0, 1.15),
    )
    for count, spread, rise, start, tone in rings:
        for index in range(count):
            angle = start + 360.0 * index / count
            curve = [
                around(angle, 0.05, top),
                around(angle, 0.07 + 0.6 * spread, top + 0.5 * rise * crown),
                around(angle, 0.05 + 1.5 * spread, top + 0.85 * rise * crown),
                around(angle, 0.05 + 2.1 * spread, top + 0.9 * rise * crown),
            ]
            b.tube("leaves", path(curve, 7), [0.05, 0.055, 0.052, 0.045, 0.036, 0.026, 0.012], tone=tone)


PINEAPPLE = Kind(
    name="pineapple",
    synonyms=("ananas", "pineapple fruit"),
    default_color="orange",
    build=build_pineapple,
    parts=(Part(name="body"), Part(name="leaves", color="green", captioned=True)),
)

KINDS: tuple[Kind, ...] = (APPLE, PUMPKIN, BANANA, PINEAPPLE)
