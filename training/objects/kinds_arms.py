"""Arms and tools: sword, hammer, axe, shield. Upright, the flat side to the front."""

import numpy as np

from training.objects.builder import Builder, Vector
from training.objects.kind import Kind, Part
from training.objects.shaping import facets, outline, path, star


def build_sword(b: Builder) -> None:
    width, length, guard = b.vary(0.122, 0.08), b.vary(1.2, 0.05), b.vary(0.28, 0.1)
    grip = b.vary(0.046, 0.1)
    facets(
        b,
        "blade",
        [(0, 0.3), (width, 0.3), (0.88 * width, length - 0.17), (0, length)],
        4,
        scale=(1, 0.36, 1),
    )
    b.tube(
        "hilt",
        path(
            [
                (-guard, 0, 0.34),
                (-0.6 * guard, 0, 0.29),
                (0, 0, 0.275),
                (0.6 * guard, 0, 0.29),
                (guard, 0, 0.34),
            ],
            13,
        ),
        0.04,
    )
    for side in (-1, 1):
        b.ellipsoid("hilt", 0.055, at=(side * guard, 0, 0.345))
    b.box("hilt", (0.17, 0.11, 0.1), at=(0, 0, 0.285), radius=0.025)
    b.cylinder("grip", grip, 0.22, at=(0, 0, 0.14), top_radius=0.9 * grip, squash=0.85)
    for index in range(5):
        b.torus("grip", 0.83 * grip, 0.016, at=(0, 0, 0.06 + 0.042 * index), tone=0.75)
    b.ellipsoid("hilt", (0.078, 0.06, 0.07), at=(0, 0, 0.0))
    b.ellipsoid("gem", (0.042, 0.03, 0.042), at=(0, -0.052, 0.285))
    b.ellipsoid("gem", (0.036, 0.025, 0.036), at=(0, -0.052, 0.0))


SWORD = Kind(
    name="sword",
    synonyms=(
        "saber",
        "sabre",
        "katana",
        "broadsword",
        "longsword",
        "greatsword",
        "claymore",
        "rapier",
        "scimitar",
        "cutlass",
        "shortsword",
        "samurai sword",
        "ninja sword",
    ),
    default_color="gray",
    build=build_sword,
    parts=(
        Part(name="blade"),
        Part(name="hilt", color="gold", captioned=True),
        Part(name="grip", color="brown", captioned=True),
        Part(name="gem", color="red"),
    ),
)


def build_hammer(b: Builder) -> None:
    face, reach, handle = b.vary(0.15, 0.08), b.vary(0.36, 0.06), b.vary(0.055, 0.1)
    z = b.vary(0.86, 0.05)
    b.box("head", (0.22, 0.2, 0.22), at=(0.02, 0, z), radius=0.03)
    b.cylinder("head", 0.1, 0.16, at=(0.16, 0, z), axis="x", tone=0.9)
    b.cylinder("head", 0.85 * face, 0.03, at=(reach - 0.13, 0, z), axis="x", top_radius=face)
    b.cylinder("head", face, 0.1, at=(reach - 0.07, 0, z), axis="x")
    b.cylinder("head", face, 0.025, at=(reach - 0.01, 0, z), axis="x", top_radius=0.88 * face, tone=1.15)
    top = [(0.0, z + 0.11), (-0.16, z + 0.1), (-0.31, z + 0.01), (-0.43, z - 0.2)]
    under = [(-0.37, z - 0.19), (-0.27, z - 0.06), (-0.15, z - 0.05), (0.0, z - 0.09)]
    claw = [*outline(top, 14), *outline(under, 14)]
    for side in (-1, 1):
        b.prism("head", claw, 0.085, at=(0, side * 0.068, 0), rotate=(0, 0, 4.0 * side))
    b.box("head", (0.14, 0.16, 0.15), at=(-0.12, 0, z + 0.022), radius=0.02)
    b.tube("handle", [(0.02, 0, 0.1), (0.02, 0, 0.3), (0.02, 0, z + 0.1)], [handle, 0.92 * handle, handle])
    b.cylinder("handle", 0.9 * handle, 0.05, at=(0.02, 0, z + 0.125), tone=0.8)
    b.tube(
        "grip",
        [(0.02, 0, 0.07), (0.02, 0, 0.2), (0.02, 0, 0.36)],
        [1.5 * handle, 1.3 * handle, 1.25 * handle],
    )
    for height in (0.06, 0.13, 0.2, 0.27, 0.34):
        b.torus("grip", 1.32 * handle, 0.016, at=(0.02, 0, height), tone=1.6)


HAMMER = Kind(
    name="hammer",
    synonyms=("claw hammer", "sledgehammer", "war hammer", "warhammer", "mallet"),
    default_color="gray",
    build=build_hammer,
    parts=(
        Part(name="head"),
        Part(name="handle", color="brown", captioned=True),
        Part(name="grip", color="black", captioned=True),
    ),
)


def build_axe(b: Builder) -> None:
    reach, spread, handle = b.vary(0.42, 0.08), b.vary(0.32, 0.08), b.vary(0.05, 0.1)
    z = b.vary(0.8, 0.04)
    upper = [(-0.06, 0.1), (0.08, 0.1), (0.22, 0.17), (0.8 * reach, spread)]
    lower = [(0.8 * reach, -1.15 * spread), (0.24, -0.18), (0.1, -0.11), (-0.06, -0.11)]
    inner = outline([(0.8 * reach, spread), (0.93 * reach, 0.0), (0.8 * reach, -1.15 * spread)], 12)
    outer = outline([(0.84 * reach, 1.12 * spread), (1.13 * reach, 0.0), (0.84 * reach, -1.27 * spread)], 16)
    cheek = [*outline(upper, 12), *inner, *outline(lower, 12)]
    b.prism("head", [(x, z + height) for x, height in cheek], 0.075)
    edge = [*outer, *((x - 0.02, height) for x, height in reversed(inner))]
    b.prism("edge", [(x, z + height) for x, height in edge], 0.045, tone=1.25)
    b.box("head", (0.2, 0.15, 0.24), at=(-0.01, 0, z - 0.005), radius=0.03, tone=0.9)
    b.box("head", (0.12, 0.12, 0.17), at=(-0.14, 0, z - 0.005), radius=0.02)
    shaft = path([(0.03, 0, 0.0), (-0.01, 0, 0.14), (0.01, 0, 0.4), (0, 0, z - 0.1), (0, 0, z + 0.16)], 20)
    b.tube(
        "handle", shaft, (handle * np.interp(np.arange(20), [0, 3, 6, 19], [1.5, 1.2, 1.0, 0.95])).tolist()
    )
    for row in (2, 3, 4, 5, 6, 7):
        x, _, height = shaft[row]
        b.torus("grip", 1.0 * handle, 0.028, at=(x, 0, height))


AXE = Kind(
    name="axe",
    synonyms=("ax", "hatchet", "battle-axe", "battle axe", "battleaxe", "tomahawk", "war axe"),
    default_color="gray",
    build=build_axe,
    parts=(
        Part(name="head"),
        Part(name="handle", color="brown", captioned=True),
        Part(name="edge", captioned=True),
        Part(name="grip", color="black"),
    ),
)


def build_shield(b: Builder) -> None:
    width, height, bend = b.vary(0.42, 0.07), b.vary(0.54, 0.05), b.vary(15, 0.15)
    half = [(0.0, 0.86 * height), (0.5 * width, 0.89 * height), (width, height), (width, 0.25 * height)]
    side = outline(
        [
            (width, 0.25 * height),
            (0.86 * width, -0.3 * height),
            (0.5 * width, -0.74 * height),
            (0.0, -1.05 * height),
        ],
        16,
    )
    right = [*half, *side[1:]]
    cos, sin = float(np.cos(np.radians(bend))), float(np.sin(np.radians(bend)))
    rim = b.vary(0.042, 0.1)
    for sign in (-1, 1):
        b.prism("body", [(sign * x, z) for x, z in right], 0.07, rotate=(0, 0, sign * bend))
        bent: list[Vector] = [(sign * x * cos, abs(x) * sin, z) for x, z in right]
        b.tube("rim", bent, rim)
        b.box(
            "cross",
            (0.92 * width, 0.05, 0.17),
            rotate=(0, 0, sign * bend),
            at=(sign * 0.46 * width * cos + 0.03 * sign * sin, 0.46 * width * sin - 0.03, 0.28 * height),
        )
        for x, z in (right[1], right[2], right[5], right[9], right[13]):
            b.ellipsoid("rim", 0.03, at=(sign * x * cos, x * sin - 0.9 * rim, z), tone=1.2)
    b.rod("body", (0, 0, 0.83 * height), (0, 0, -height), 0.035)
    b.box("cross", (0.17, 0.08, 1.72 * height), at=(0, -0.025, -0.07 * height))
    b.lathe(
        "rim",
        [(0, -0.03), (0.17, -0.03), (0.165, 0.03), (0.13, 0.07), (0, 0.1)],
        at=(0, -0.02, 0.28 * height),
        rotate=(90, 0, 0),
    )
    b.prism("cross", star((0.1, 0.045), 10), 0.09, at=(0, -0.095, 0.28 * height))


SHIELD = Kind(
    name="shield",
    synonyms=("kite shield", "heater shield", "knight shield", "battle shield"),
    default_color="blue",
    build=build_shield,
    parts=(
        Part(name="body"),
        Part(name="rim", color="gray", captioned=True),
        Part(name="cross", color="gold", captioned=True),
    ),
)

KINDS: tuple[Kind, ...] = (SWORD, HAMMER, AXE, SHIELD)
