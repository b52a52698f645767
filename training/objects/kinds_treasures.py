"""Treasures: ring, crown, guitar, crystal."""

import numpy as np

from training.objects.builder import Builder
from training.objects.kind import Kind, Part
from training.objects.shaping import around, facets, outline


def build_ring(b: Builder) -> None:
    radius, tube, gem = b.vary(0.31, 0.05), b.vary(0.07, 0.1), b.vary(0.21, 0.08)
    b.torus("band", radius, tube, axis="y")
    girdle = radius + tube + 0.14
    cup = [(0.0, -0.2), (0.08, -0.2), (0.12, -0.12), (0.8 * gem, -0.05), (0.8 * gem, -0.01), (0.0, -0.03)]
    b.lathe("band", cup, at=(0, 0, girdle))
    cut = [(0.0, -0.16), (0.96 * gem, -0.02), (gem, 0.02), (0.64 * gem, 0.12), (0.0, 0.12)]
    facets(b, "gem", cut, 8, at=(0, 0, girdle), rotate=(0, 0, 22.5))
    for angle in (45, 135, 225, 315):
        b.tube(
            "band",
            [
                around(angle, 0.5 * gem, girdle - 0.12),
                around(angle, 1.0 * gem, girdle),
                around(angle, 0.86 * gem, girdle + 0.07),
            ],
            [0.032, 0.03, 0.03],
        )
    for side in (-1, 1):
        lean = 38.0
        x, z = radius * float(np.sin(np.radians(lean))), radius * float(np.cos(np.radians(lean)))
        reach = 1 + 0.95 * tube / radius
        b.ellipsoid(
            "band", (0.085, 0.085, 0.05), at=(side * x * reach, 0, z * reach), rotate=(0, side * lean, 0)
        )
        small = [(0.0, -0.04), (0.07, 0.03), (0.045, 0.065), (0.0, 0.065)]
        facets(b, "gem", small, 8, at=(side * x * reach, 0, z * reach), rotate=(0, side * lean, 0), tone=0.9)


RING = Kind(
    name="ring",
    synonyms=(
        "engagement ring",
        "wedding ring",
        "gemstone ring",
        "finger ring",
        "cocktail ring",
        "diamond ring",
    ),
    default_color="gold",
    build=build_ring,
    parts=(Part(name="band"), Part(name="gem", color="white", captioned=True)),
)


def build_crown(b: Builder) -> None:
    radius, spike, tilt = b.vary(0.43, 0.06), b.vary(0.4, 0.1), b.vary(13, 0.2)
    flare = radius + 0.02
    b.lathe("band", [(radius, 0.0), (flare, 0.2), (flare - 0.06, 0.2), (radius - 0.06, 0.0)])
    b.torus("band", radius, 0.042, at=(0, 0, 0.03), tone=1.1)
    b.torus("band", flare, 0.032, at=(0, 0, 0.2), tone=1.1)
    half = 0.41 * radius
    side = outline(
        [(half, -0.04), (0.62 * half, 0.24 * spike), (0.22 * half, 0.7 * spike), (0.12 * half, spike)], 9
    )
    shape = [*side, *((-x, z) for x, z in reversed(side))]
    sin, cos = float(np.sin(np.radians(tilt))), float(np.cos(np.radians(tilt)))
    for index in range(8):
        angle = 45.0 * index - 90
        b.prism("band", shape, 0.05, at=around(angle, flare - 0.02, 0.2), rotate=(tilt, 0, angle + 90))
        b.ellipsoid("band", 0.055, at=around(angle, flare - 0.02 + spike * sin, 0.2 + spike * cos), tone=1.15)
        low = 0.26 * spike
        b.ellipsoid(
            "jewels",
            (0.055, 0.03, 0.075),
            at=around(angle, flare + 0.005 + low * sin, 0.2 + low * cos),
            rotate=(tilt, 0, angle + 90),
        )
        gem = [(0.0, -0.02), (0.075, -0.02), (0.045, 0.04), (0.0, 0.04)]
        facets(
            b, "jewels", gem, 6, at=around(angle + 22.5, radius + 0.015, 0.115), rotate=(0, 85, angle + 22.5)
        )
    dome = outline(
        [
            (radius - 0.05, 0.14),
            (0.84 * radius, 0.25),
            (0.62 * radius, 0.37),
            (0.3 * radius, 0.43),
            (0, 0.445),
        ],
        20,
    )
    b.lathe("velvet", [(0, 0.03), (radius - 0.05, 0.03), *dome])
    b.ellipsoid("band", 0.06, at=(0, 0, 0.46))


CROWN = Kind(
    name="crown",
    synonyms=("king's crown", "queen's crown", "royal crown", "coronet"),
    default_color="gold",
    build=build_crown,
    parts=(
        Part(name="band"),
        Part(name="jewels", color="red", captioned=True),
        Part(name="velvet", color="purple", captioned=True),
    ),
)


def build_guitar(b: Builder) -> None:
    lower, upper, waist = b.vary(0.41, 0.06), b.vary(0.32, 0.06), b.vary(0.26, 0.06)
    neck = b.vary(0.42, 0.06)
    right = [
        (0.0, 0.0),
        (0.55 * lower, 0.02),
        (0.94 * lower, 0.13),
        (0.96 * lower, 0.29),
        (waist, 0.46),
        (upper, 0.62),
        (0.78 * upper, 0.75),
        (0.25 * upper, 0.79),
        (0.0, 0.79),
    ]
    half = outline(right, 30)
    shape = [*half, *((-x, z) for x, z in reversed(half[1:-1]))]
    b.prism("body", shape, 0.17, tone=0.8)
    b.prism("body", [(0.93 * x, 0.39 + 0.94 * (z - 0.39)) for x, z in shape], 0.2, tone=1.15)
    b.cylinder("hole", 0.13, 0.03, at=(0, -0.095, 0.48), axis="y")
    b.torus("neck", 0.145, 0.022, at=(0, -0.1, 0.48), axis="y")
    nut = 0.79 + neck
    b.box("neck", (0.215, 0.05, nut - 0.6), at=(0, -0.115, (nut + 0.6) / 2), radius=0.01)
    b.rod("neck", (0, -0.08, 0.74), (0, -0.085, nut), 0.08)
    for index in range(6):
        z = 0.86 + (nut - 0.92) * (1 - 0.84**index) / (1 - 0.84**5)
        b.rod("pegs", (-0.1, -0.136, z), (0.1, -0.136, z), 0.014)
    b.box("neck", (0.32, 0.06, 0.06), at=(0, -0.12, 0.2), radius=0.015)
    b.box("pegs", (0.22, 0.035, 0.03), at=(0, -0.146, nut), radius=0.005)
    head = [
        (-0.107, -0.03),
        (0.107, -0.03),
        (0.125, 0.1),
        (0.135, 0.27),
        (0.04, 0.3),
        (0, 0.285),
        (-0.04, 0.3),
        (-0.135, 0.27),
        (-0.125, 0.1),
    ]
    b.prism("neck", head, 0.065, at=(0, -0.09, nut), rotate=(-8, 0, 0))
    for side in (-1, 1):
        for z in (0.07, 0.15, 0.23):
            depth = -0.085 + 0.14 * z
            b.rod("pegs", (side * 0.1, depth, nut + z), (side * 0.17, depth, nut + z), 0.02)
            b.ellipsoid("pegs", (0.035, 0.022, 0.032), at=(side * 0.19, depth, nut + z))
            b.rod("pegs", (side * 0.08, depth, nut + z), (side * 0.08, depth - 0.055, nut + z), 0.018)
    for string, row in ((-1.5, 0.15), (-0.5, 0.23), (0.5, 0.23), (1.5, 0.15)):
        peg = 0.08 if string > 0 else -0.08
        b.tube(
            "strings",
            [
                (0.06 * string, -0.152, 0.2),
                (0.056 * string, -0.16, nut),
                (peg, -0.115 + 0.14 * row, nut + row),
            ],
            0.0135,
        )


GUITAR = Kind(
    name="guitar",
    synonyms=("acoustic guitar", "electric guitar", "bass guitar", "ukulele", "classical guitar"),
    default_color="brown",
    build=build_guitar,
    parts=(
        Part(name="body"),
        Part(name="neck", color="black", captioned=True),
        Part(name="strings", color="white", captioned=True),
        Part(name="hole", color="black"),
        Part(name="pegs", color="gold"),
    ),
)

CRYSTAL_POINTS = (  # angle, distance of the foot, lean, length, radius, tone
    (0, 0.0, 3, 0.92, 0.155, 1.05),
    (-75, 0.14, 20, 0.62, 0.12, 0.92),
    (-15, 0.17, 33, 0.6, 0.11, 1.12),
    (45, 0.15, 18, 0.74, 0.115, 0.9),
    (110, 0.16, 30, 0.55, 0.11, 1.05),
    (170, 0.16, 24, 0.7, 0.12, 0.97),
    (225, 0.19, 42, 0.47, 0.095, 1.15),
    (-45, 0.23, 48, 0.38, 0.08, 0.95),
)


def build_crystal(b: Builder) -> None:
    size = b.vary(1.0, 0.06)
    for angle, distance, lean, length, radius, tone in CRYSTAL_POINTS:
        long, wide = b.vary(length, 0.08), b.vary(size * radius, 0.06)
        shaft = [(0.0, -0.05), (0.88 * wide, -0.05), (1.06 * wide, long - 1.35 * wide), (0.0, long)]
        facets(
            b,
            "crystals",
            shaft,
            6,
            at=around(angle, distance * size, 0.1),
            rotate=(0, lean, angle),
            tone=tone,
        )
    rock = [(0.0, -0.02), (0.36, -0.02), (0.43, 0.06), (0.31, 0.16), (0.18, 0.2), (0.0, 0.2)]
    facets(b, "base", rock, 9, scale=(size, 0.92 * size, 1))
    for angle, distance, radius in ((20, 0.33, 0.13), (140, 0.32, 0.14), (262, 0.32, 0.12)):
        lump = [(0.0, -0.07), (radius, -0.05), (0.8 * radius, 0.06), (0.3 * radius, 0.1), (0.0, 0.1)]
        facets(b, "base", lump, 6, at=around(angle, distance, 0.05), rotate=(0, 0, 2.0 * angle), tone=0.85)


CRYSTAL = Kind(
    name="crystal",
    synonyms=("quartz", "crystal cluster", "geode", "quartz crystal", "mineral", "crystals", "druzy"),
    default_color="purple",
    build=build_crystal,
    parts=(Part(name="crystals"), Part(name="base", color="gray", captioned=True)),
)

KINDS: tuple[Kind, ...] = (RING, CROWN, GUITAR, CRYSTAL)
