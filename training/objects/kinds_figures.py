"""Figures: snowman, robot."""

import numpy as np

from training.objects.builder import Builder, Vector, arc
from training.objects.kind import Kind, Part


def build_snowman(b: Builder) -> None:
    low, middle, head = b.vary(0.37, 0.05), b.vary(0.275, 0.05), b.vary(0.215, 0.05)
    chest = 0.68 * low + 0.9 * low + 0.62 * middle
    top = chest + 0.72 * middle + 0.72 * head
    b.ellipsoid("body", (low, low, 0.92 * low), at=(0, 0, 0.88 * low))
    b.ellipsoid("body", middle, at=(0, 0, chest))
    b.ellipsoid("body", head, at=(0, 0, top))
    for x, z in (
        (-0.085, 0.07),
        (0.085, 0.07),
        (-0.105, -0.06),
        (-0.058, -0.098),
        (0, -0.112),
        (0.058, -0.098),
        (0.105, -0.06),
    ):
        depth = float(np.sqrt(head**2 - x**2 - z**2))
        b.ellipsoid("buttons", 0.034 if z > 0 else 0.021, at=(x, -depth, top + z))
    b.cylinder("nose", 0.045, 0.24, at=(0, -head - 0.09, top), rotate=(90, 0, 0), top_radius=0.012)
    for rise in (-0.45, 0.1):
        b.ellipsoid("buttons", 0.038, at=(0, -middle * float(np.sqrt(1 - rise**2)), chest + middle * rise))
    for rise in (0.1, 0.5):
        b.ellipsoid("buttons", 0.042, at=(0, -low * float(np.sqrt(1 - rise**2)), (0.88 + 0.92 * rise) * low))
    _add_hat(b, head, top)
    neck = chest + 0.8 * middle
    b.torus("scarf", 0.72 * head, 0.062, at=(0, 0, neck))
    b.tube(
        "scarf",
        [(0.1, -0.68 * head, neck), (0.14, -1.16 * head, neck - 0.12), (0.16, -1.2 * head, neck - 0.3)],
        [0.06, 0.05, 0.055],
        tone=0.92,
    )
    b.tube(
        "scarf",
        [(0.1, -0.68 * head, neck), (0.2, -0.95 * head, neck - 0.1), (0.25, -0.98 * head, neck - 0.22)],
        [0.06, 0.05, 0.05],
        tone=1.05,
    )
    for side in (-1, 1):
        hand = (side * (middle + 0.3), -0.03, chest + 0.22)
        b.rod("arms", (side * 0.8 * middle, 0, chest + 0.02), hand, 0.03, 0.026)
        for x, z in ((0.06, 0.11), (0.12, 0.04), (-0.03, 0.1)):
            b.rod("arms", hand, (hand[0] + side * x, -0.03, hand[2] + z), 0.024, 0.018)


def _add_hat(b: Builder, head: float, top: float) -> None:
    brim, height = top + 0.78 * head, b.vary(0.27, 0.1)
    b.lathe(
        "hat",
        [(0, -0.02), (1.22 * head, -0.02), (1.26 * head, 0), (1.22 * head, 0.025), (0, 0.025)],
        at=(0, 0, brim),
    )
    b.lathe(
        "hat",
        [(0, 0), (0.76 * head, 0), (0.82 * head, height - 0.02), (0.78 * head, height), (0, height)],
        at=(0, 0, brim),
    )
    b.lathe("band", [(0, 0.02), (0.81 * head, 0.02), (0.82 * head, 0.085), (0, 0.085)], at=(0, 0, brim))


SNOWMAN = Kind(
    name="snowman",
    synonyms=("snow man", "frosty the snowman"),
    default_color="white",
    build=build_snowman,
    parts=(
        Part(name="body"),
        Part(name="hat", color="black", captioned=True),
        Part(name="scarf", color="red", captioned=True),
        Part(name="nose", color="orange"),
        Part(name="buttons", color="black"),
        Part(name="arms", color="brown"),
        Part(name="band", color="red"),
    ),
)


def build_robot(b: Builder) -> None:
    width, head, tall = b.vary(0.54, 0.07), b.vary(0.44, 0.07), b.vary(0.33, 0.08)
    hips = 0.42
    b.box("body", (width, 0.36, 0.46), at=(0, 0, hips + 0.24), radius=0.05)
    b.box("body", (0.72 * width, 0.3, 0.1), at=(0, 0, hips), radius=0.03, tone=0.8)
    b.cylinder("body", 0.09, 0.12, at=(0, 0, hips + 0.51), tone=0.7)
    crown = hips + 0.54 + tall / 2
    b.box("body", (head, 0.36, tall), at=(0, 0, crown), radius=0.06)
    b.box("panel", (0.66 * width, 0.04, 0.25), at=(0, -0.175, hips + 0.27), radius=0.01)
    for x in (-0.1, 0.0, 0.1):
        b.ellipsoid("buttons", (0.034, 0.03, 0.034), at=(x, -0.195, hips + 0.21))
    b.cylinder("eyes", 0.06, 0.05, at=(-0.075, -0.185, hips + 0.32), axis="y")
    b.box("buttons", (0.13, 0.03, 0.035), at=(0.085, -0.195, hips + 0.34))
    b.box("buttons", (0.13, 0.03, 0.035), at=(0.085, -0.195, hips + 0.285))
    for side in (-1, 1):
        _add_robot_side(b, side, width, head, hips, crown)
    b.box("panel", (0.24, 0.04, 0.075), at=(0, -0.175, crown - 0.24 * tall), radius=0.01)
    for x in (-0.08, -0.027, 0.027, 0.08):
        b.box("body", (0.022, 0.03, 0.06), at=(x, -0.19, crown - 0.24 * tall))
    b.cylinder("body", 0.08, 0.05, at=(0, 0, crown + tall / 2 + 0.01), top_radius=0.05, tone=0.8)
    b.rod("panel", (0, 0, crown + tall / 2), (0, 0, crown + tall / 2 + 0.12), 0.02)
    b.ellipsoid("buttons", 0.052, at=(0, 0, crown + tall / 2 + 0.15))


def _add_robot_side(b: Builder, side: int, width: float, head: float, hips: float, crown: float) -> None:
    eye = side * 0.24 * head
    b.cylinder("eyes", 0.078, 0.05, at=(eye, -0.185, crown + 0.05), axis="y")
    b.torus("panel", 0.08, 0.022, at=(eye, -0.185, crown + 0.05), axis="y")
    b.ellipsoid("panel", (0.03, 0.02, 0.03), at=(eye, -0.208, crown + 0.05))
    b.cylinder("body", 0.085, 0.07, at=(side * (head / 2 + 0.02), 0, crown), axis="x", tone=0.75)
    b.cylinder("buttons", 0.045, 0.12, at=(side * (head / 2 + 0.02), 0, crown), axis="x")
    arm, shoulder = side * (width / 2 + 0.1), hips + 0.37
    b.ellipsoid("arms", 0.105, at=(side * (width / 2 + 0.06), 0, shoulder))
    corners: list[Vector] = [(arm, -0.02 * index / 2, shoulder - 0.03 * index) for index in range(10)]
    b.tube("arms", corners, [0.075, 0.058] * 5, tone=0.9)
    wrist = shoulder - 0.3
    b.ellipsoid("arms", (0.085, 0.085, 0.06), at=(arm, -0.1, wrist))
    b.tube("arms", arc((arm, -0.1, wrist - 0.12), 0.085, 130, -55), 0.032, tone=0.8)
    b.tube("arms", arc((arm, -0.1, wrist - 0.12), 0.085, 50, 235), 0.032, tone=0.8)
    leg = side * 0.25 * width
    b.tube("legs", [(leg, 0, hips - 0.05 - 0.03 * index) for index in range(8)], [0.085, 0.068] * 4, tone=0.9)
    b.box("legs", (0.22, 0.32, 0.13), at=(leg + 0.01 * side, -0.04, 0.065), radius=0.05)
    b.cylinder("legs", 0.1, 0.08, at=(leg, 0, 0.14), top_radius=0.085)


ROBOT = Kind(
    name="robot",
    synonyms=("android", "droid", "toy robot", "cyborg", "humanoid robot", "automaton"),
    default_color="gray",
    build=build_robot,
    parts=(
        Part(name="body"),
        Part(name="eyes", color="teal", captioned=True),
        Part(name="arms", captioned=True),
        Part(name="legs", captioned=True),
        Part(name="panel", color="black"),
        Part(name="buttons", color="red"),
    ),
)

KINDS: tuple[Kind, ...] = (SNOWMAN, ROBOT)
