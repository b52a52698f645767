"""Animals: penguin and duck face the front, fish and the four-legged ones point to the right."""

import numpy as np

from training.objects import kinds_quadrupeds
from training.objects.builder import Builder, Vector
from training.objects.kind import Kind, Part
from training.objects.shaping import orient, outline, path


def build_penguin(b: Builder) -> None:
    width, tall, head = b.vary(0.36, 0.08), b.vary(0.43, 0.06), b.vary(0.27, 0.06)
    wing, beak = b.vary(0.3, 0.08), b.vary(0.13, 0.1)
    crown = 2.15 * tall
    b.ellipsoid("body", (width, 0.9 * width, tall), at=(0, 0, tall))
    b.ellipsoid("body", (0.72 * width, 0.66 * width, 0.3), at=(0, 0, 1.62 * tall))
    b.ellipsoid("body", (1.02 * head, head, 0.96 * head), at=(0, 0, crown))
    b.ellipsoid("belly", (0.84 * width, 0.78 * width, 0.86 * tall), at=(0, -0.1, 0.92 * tall))
    for side in (-1, 1):
        b.ellipsoid(
            "belly",
            (0.46 * head, 0.4 * head, 0.55 * head),
            at=(side * 0.34 * head, -0.62 * head, crown - 0.02),
        )
        b.ellipsoid("eyes", 0.042, at=(side * 0.4 * head, -0.97 * head, crown + 0.06))
        b.ellipsoid(
            "belly", 0.018, at=(side * 0.4 * head - 0.012, -0.97 * head - 0.034, crown + 0.078), tone=1.2
        )
        b.ellipsoid(
            "wings",
            (0.055, 0.15, wing),
            at=(side * 1.06 * width, 0.01, 1.12 * tall),
            rotate=(-6, -side * 20, 0),
        )
        b.ellipsoid("feet", (0.13, 0.17, 0.055), at=(side * 0.44 * width, -0.2, 0.035))
        for toe in (-1, 0, 1):
            b.ellipsoid(
                "feet",
                (0.048, 0.07, 0.045),
                at=(side * 0.44 * width + 0.085 * toe, -0.35 + 0.025 * abs(toe), 0.035),
            )
    b.ellipsoid("belly", (0.5 * head, 0.4 * head, 0.36 * head), at=(0, -0.6 * head, crown - 0.36 * head))
    b.ellipsoid("beak", (0.085, beak, 0.045), at=(0, -1.04 * head, crown - 0.04))
    b.ellipsoid("beak", (0.065, 0.8 * beak, 0.03), at=(0, -1.0 * head, crown - 0.075), tone=0.8)
    b.rod("body", (0, 0.7 * width, 0.14), (0, 1.12 * width, 0.05), 0.09, 0.045)


PENGUIN = Kind(
    name="penguin",
    synonyms=("emperor penguin", "baby penguin"),
    default_color="black",
    build=build_penguin,
    parts=(
        Part(name="body"),
        Part(name="belly", color="white", captioned=True),
        Part(name="beak", color="orange", captioned=True),
        Part(name="wings", captioned=True),
        Part(name="feet", color="orange"),
        Part(name="eyes", color="black"),
    ),
)

FISH_PROFILE = (
    (0.0, -0.42),
    (0.07, -0.4),
    (0.13, -0.3),
    (0.25, -0.06),
    (0.29, 0.13),
    (0.22, 0.32),
    (0.1, 0.42),
    (0.0, 0.45),
)


def build_fish(b: Builder) -> None:
    tall, flat, tail = b.vary(1.08, 0.09), b.vary(0.62, 0.08), b.vary(1.0, 0.1)
    body = outline([(r * tall, x) for r, x in FISH_PROFILE], 40)
    b.lathe("body", body, rotate=(0, 90, 0), scale=(1, flat, 1))
    fan = [
        (-0.3, 0.06),
        (-0.46, 0.15),
        (-0.62, 0.31),
        (-0.72, 0.35),
        (-0.73, 0.26),
        (-0.63, 0.08),
        (-0.59, 0.0),
        (-0.63, -0.08),
        (-0.73, -0.26),
        (-0.72, -0.35),
        (-0.62, -0.31),
        (-0.46, -0.15),
        (-0.3, -0.06),
    ]
    b.prism("tail", outline([(x, z * tail) for x, z in fan], 48), 0.06)
    for z in (-0.27, -0.16, -0.05, 0.05, 0.16, 0.27):
        b.rod(
            "tail",
            (-0.4, 0, 0.3 * z * tail),
            (-0.66 + 0.25 * abs(0.2 - abs(z)), 0, z * tail),
            0.038,
            0.036,
            tone=0.85,
        )
    back = [(-0.24, 0.1), (-0.28, 0.3), (-0.2, 0.36), (-0.02, 0.44), (0.08, 0.4), (0.2, 0.2), (0.0, 0.1)]
    b.prism("fins", outline([(x, z * tall) for x, z in back], 36, closed=True), 0.06)
    for x, z in ((-0.2, 0.31), (-0.11, 0.36), (-0.01, 0.38), (0.08, 0.34)):
        b.rod("fins", (x + 0.04, 0, 0.18 * tall), (x, 0, z * tall), 0.037, tone=0.85)
    under = [(-0.22, -0.1), (-0.3, -0.3), (-0.22, -0.33), (-0.08, -0.22), (-0.06, -0.12)]
    b.prism("fins", outline([(x, z * tall) for x, z in under], 28, closed=True), 0.055)
    for side in (-1, 1):
        wide = 0.27 * tall * flat
        b.ellipsoid(
            "fins", (0.14, 0.025, 0.075), at=(0.0, side * (wide + 0.045), -0.09), rotate=(0, -22, -side * 24)
        )
        b.ellipsoid(
            "fins",
            (0.09, 0.025, 0.05),
            at=(0.12, side * 0.5 * wide, -0.27 * tall),
            rotate=(side * 20, -50, 0),
        )
        b.ellipsoid("eyes", (0.075, 0.045, 0.075), at=(0.27, side * 0.2 * tall * flat, 0.08))
        b.ellipsoid("pupils", (0.045, 0.03, 0.045), at=(0.283, side * (0.2 * tall * flat + 0.032), 0.083))
        _add_scales(b, body, side, flat)
    b.ellipsoid("body", (0.045, 0.075, 0.03), at=(0.43, 0, -0.01), tone=0.75)
    b.ellipsoid("body", (0.04, 0.065, 0.03), at=(0.425, 0, -0.055), tone=0.75)


def _add_scales(b: Builder, body: list[tuple[float, float]], side: int, flat: float) -> None:
    stations, radii = [x for _, x in body], [r for r, _ in body]
    for column, x in enumerate((-0.24, -0.15, -0.06, 0.03, 0.12)):
        for row in (-1.5, -0.5, 0.5, 1.5) if column % 2 else (-1.0, 0.0, 1.0):
            radius = float(np.interp(x, stations, radii))
            z = row * 0.46 * radius
            y = flat * float(np.sqrt(radius**2 - z**2))
            normal = (
                -float(np.interp(x + 0.03, stations, radii) - np.interp(x - 0.03, stations, radii))
                / 0.06
                * radius,
                side * y / flat**2,
                z,
            )
            b.ellipsoid(
                "body",
                (0.055, 0.05, 0.016),
                at=(x, side * y, z),
                rotate=orient((1, 0, 0.001), normal),
                tone=0.84,
            )


FISH = Kind(
    name="fish",
    synonyms=(
        "goldfish",
        "koi",
        "clownfish",
        "koi fish",
        "clown fish",
        "tropical fish",
        "betta fish",
        "trout",
    ),
    default_color="orange",
    build=build_fish,
    parts=(
        Part(name="body"),
        Part(name="fins", captioned=True),
        Part(name="tail", captioned=True),
        Part(name="eyes", color="white"),
        Part(name="pupils", color="black"),
    ),
)


def build_duck(b: Builder) -> None:
    width, long, head = b.vary(0.33, 0.07), b.vary(0.44, 0.06), b.vary(0.25, 0.06)
    beak = b.vary(0.13, 0.1)
    crown: Vector = (0, -0.26, b.vary(0.8, 0.04))
    b.ellipsoid("body", (width, long, 0.29), at=(0, 0.05, 0.29))
    b.ellipsoid("body", (0.85 * width, 0.27, 0.28), at=(0, -0.17, 0.35))
    b.tube(
        "body",
        path([(0, 0.2, 0.36), (0, 0.4, 0.42), (0, 0.53, 0.56), (0, 0.57, 0.66)], 8),
        [0.22, 0.2, 0.18, 0.15, 0.12, 0.09, 0.065, 0.04],
    )
    b.rod("body", (0, -0.2, 0.4), crown, 0.2, 0.17)
    b.ellipsoid("body", head, at=crown)
    b.tube(
        "body",
        [
            (0, -0.24, crown[2] + 0.9 * head),
            (0, -0.2, crown[2] + 1.12 * head),
            (0, -0.13, crown[2] + 1.17 * head),
        ],
        [0.05, 0.04, 0.022],
    )
    front = crown[1] - head
    b.ellipsoid("beak", (0.12, beak, 0.042), at=(0, front - 0.02, crown[2] - 0.015), rotate=(-14, 0, 0))
    b.ellipsoid(
        "beak", (0.1, 0.8 * beak, 0.036), at=(0, front - 0.005, crown[2] - 0.07), rotate=(8, 0, 0), tone=0.8
    )
    for side in (-1, 1):
        b.ellipsoid("eyes", 0.047, at=(side * 0.45 * head, crown[1] - 0.82 * head, crown[2] + 0.32 * head))
        b.ellipsoid(
            "glints",
            0.018,
            at=(side * 0.45 * head - 0.01, crown[1] - 0.82 * head - 0.04, crown[2] + 0.32 * head + 0.02),
        )
        for row, (y, z, size) in enumerate(((0.04, 0.37, 0.24), (0.12, 0.34, 0.2), (0.17, 0.44, 0.2))):
            b.ellipsoid(
                "wings",
                (0.055, size, 0.42 * size),
                at=(side * (width + 0.005 - 0.008 * row), y, z),
                rotate=(22, 0, side * 8),
                tone=(1.0, 0.88, 0.93)[row],
            )
        b.ellipsoid("feet", (0.12, 0.17, 0.035), at=(side * 0.17, -0.24, 0.02), rotate=(0, 0, -side * 12))
        for toe in (-1, 0, 1):
            at = (side * 0.19 + 0.075 * toe, -0.4 + 0.03 * abs(toe), 0.02)
            b.ellipsoid("feet", (0.04, 0.06, 0.034), at=at)


DUCK = Kind(
    name="duck",
    synonyms=("rubber duck", "duckling", "rubber ducky", "rubber duckie", "mallard"),
    default_color="yellow",
    build=build_duck,
    parts=(
        Part(name="body"),
        Part(name="beak", color="orange", captioned=True),
        Part(name="wings", captioned=True),
        Part(name="feet", color="orange", captioned=True),
        Part(name="eyes", color="black"),
        Part(name="glints", color="white"),
    ),
)


KINDS: tuple[Kind, ...] = (PENGUIN, FISH, DUCK, *kinds_quadrupeds.KINDS)
