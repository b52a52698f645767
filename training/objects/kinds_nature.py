"""Plants and mushrooms: tree, palm tree, cactus, mushroom, flower."""

import numpy as np

from training.objects.builder import Builder, Vector
from training.objects.kind import Kind, Part
from training.objects.shaping import around, beside, leaf, orient, outline, path

TREE_BALLS = (  # angle, distance from the trunk, height, radius, tone
    (0, 0.0, 0.72, 0.27, 0.95),
    (20, 0.25, 0.60, 0.19, 0.92),
    (80, 0.24, 0.66, 0.18, 0.98),
    (140, 0.25, 0.59, 0.19, 0.92),
    (200, 0.26, 0.65, 0.18, 0.98),
    (260, 0.25, 0.58, 0.19, 0.94),
    (320, 0.25, 0.66, 0.18, 1.0),
    (50, 0.15, 0.85, 0.18, 1.04),
    (170, 0.15, 0.87, 0.17, 1.06),
    (290, 0.15, 0.84, 0.18, 1.04),
    (0, 0.0, 0.99, 0.15, 1.12),
)


def build_tree(b: Builder) -> None:
    crown, trunk = b.vary(1.0, 0.08), b.vary(0.065)
    height = b.vary(0.05, 1.0)
    for angle, distance, z, radius, tone in TREE_BALLS:
        x, y, _ = around(angle, distance * crown)
        b.ellipsoid("leaves", b.vary(radius * crown, 0.07), at=(x, y, z + height), tone=tone)
    b.tube("trunk", [(0, 0, 0.05), (0.01, 0, 0.2), (0, 0, 0.62 + height)], [1.5 * trunk, trunk, 0.85 * trunk])
    for angle in (30, 120, 210, 300):
        b.tube(
            "trunk",
            [(0, 0, 0.16), around(angle, 0.08, 0.06), around(angle, 0.17, 0.015)],
            [0.8 * trunk, 0.6 * trunk, 0.4 * trunk],
        )
    for angle, z in ((0, 0.28), (180, 0.34)):
        b.rod("trunk", (0, 0, z), around(angle, 0.22, z + 0.22 + height), 0.6 * trunk, 0.45 * trunk)


TREE = Kind(
    name="tree",
    synonyms=(
        "oak tree",
        "maple tree",
        "leafy tree",
        "deciduous tree",
        "birch tree",
        "elm tree",
        "ash tree",
        "shade tree",
        "apple tree",
        "willow tree",
        "cherry tree",
        "bonsai tree",
        "magnolia tree",
        "olive tree",
        "baobab tree",
        "acacia tree",
        "dogwood tree",
        "eucalyptus tree",
        "sycamore tree",
        "rubber tree",
        "fig tree",
        "poplar tree",
        "ginkgo tree",
        "sequoia tree",
    ),
    default_color="green",
    build=build_tree,
    parts=(Part(name="leaves"), Part(name="trunk", color="brown", captioned=True)),
)


def build_palm(b: Builder) -> None:
    lean, trunk, reach = b.vary(0.16), b.vary(0.062), b.vary(0.5, 0.08)
    top = (lean, 0.0, b.vary(0.78, 0.06))
    stem = path([(-0.1, 0, 0.02), (-0.06, 0, 0.25), (0.04, 0, 0.53), top], 25)
    taper = np.linspace(1.35, 0.85, 25) * np.where(np.arange(25) % 2, 1.1, 0.92) * trunk
    b.tube("trunk", stem, taper.tolist())
    b.ellipsoid("trunk", (0.13, 0.13, 0.06), at=(-0.1, 0, 0.03), tone=0.85)
    for index in range(9):
        droop = (-0.16, -0.05, -0.11)[index % 3]
        _add_frond(b, top, 40.0 * index + 10, reach, droop, (1.0, 1.12, 0.9)[index % 3])
    for angle in (-90, 30, 150):
        x, y, z = around(angle, 0.085, top[2] - 0.06)
        b.ellipsoid("coconuts", b.vary(0.068, 0.08), at=(x + top[0], y, z))


def _add_frond(b: Builder, top: Vector, angle: float, reach: float, droop: float, tone: float) -> None:
    rises = ((0.02, 0.0), (0.35, 0.15), (0.72, 0.11), (1.0, droop))
    curve = path(
        [
            (top[0] + around(angle, r * reach)[0], top[1] + around(angle, r * reach)[1], top[2] + z)
            for r, z in rises
        ],
        8,
    )
    widths = (0.05, 0.08, 0.095, 0.095, 0.085, 0.07, 0.045)
    leaf(b, "leaves", curve, widths, (0, 0, 1), tone=tone)


PALM = Kind(
    name="palm tree",
    synonyms=("palm", "coconut tree", "coconut palm", "coconut palm tree", "date palm", "date palm tree"),
    default_color="green",
    build=build_palm,
    parts=(
        Part(name="leaves"),
        Part(name="trunk", color="brown", captioned=True),
        Part(name="coconuts", color="brown", captioned=True),
    ),
)


def build_cactus(b: Builder) -> None:
    radius, height, pot = b.vary(0.15, 0.08), b.vary(0.98, 0.05), b.vary(0.24, 0.08)
    stem: list[Vector] = [(0, 0, 0.25), (0, 0, 0.5), (0, 0, 0.75), (0, 0, height - 0.08), (0, 0, height)]
    _add_ribbed(b, stem, [1.0, 1.0, 1.0, 0.9, 0.45], radius, 10)
    left, right = b.vary(0.52, 0.05), b.vary(0.62, 0.05)
    arms = (
        path(
            [
                (-0.08, 0, left),
                (-0.22, 0, left),
                (-0.31, 0, left + 0.08),
                (-0.32, 0, left + 0.2),
                (-0.32, 0, left + 0.3),
            ],
            12,
        ),
        path(
            [
                (0.08, 0, right),
                (0.21, 0, right),
                (0.29, 0, right + 0.08),
                (0.3, 0, right + 0.16),
                (0.3, 0, right + 0.24),
            ],
            12,
        ),
    )
    for arm, size in zip(arms, (0.085, 0.078), strict=True):
        _add_ribbed(b, arm, [1.0] * 10 + [0.9, 0.5], b.vary(size, 0.06), 8)
    _add_cactus_flower(b, (0, 0, height + 0.04), 0.085)
    _add_cactus_flower(b, (-0.32, 0, left + 0.35), 0.06)
    b.lathe(
        "pot",
        [
            (0, 0),
            (0.75 * pot, 0),
            (pot, 0.22),
            (1.15 * pot, 0.22),
            (1.15 * pot, 0.31),
            (0.95 * pot, 0.31),
            (0.9 * pot, 0.26),
            (0, 0.26),
        ],
    )
    b.ellipsoid("soil", (0.93 * pot, 0.93 * pot, 0.035), at=(0, 0, 0.265))


def _add_ribbed(b: Builder, curve: list[Vector], taper: list[float], radius: float, num_ribs: int) -> None:
    sizes = np.array(taper)
    b.tube("body", curve, (0.9 * radius * sizes).tolist(), tone=0.8)
    for index in range(num_ribs):
        angle = 360.0 * (index + 0.5) / num_ribs
        rib = beside(curve, angle, (0.78 * radius * sizes).tolist())
        b.tube("body", rib, (0.27 * radius * np.maximum(sizes, 0.6)).tolist(), tone=1.06)
        spines = beside(curve, angle, (1.06 * radius * sizes).tolist())
        for row in range(1 if num_ribs > 8 else 5, len(curve) - 1, 1 if num_ribs > 8 else 3):
            b.ellipsoid("spines", 0.016, at=spines[row])


def _add_cactus_flower(b: Builder, at: Vector, size: float) -> None:
    b.ellipsoid("flower centers", 0.4 * size, at=(at[0], at[1], at[2] + 0.25 * size))
    for angle in range(0, 360, 60):
        x, y, _ = around(angle, 0.6 * size)
        b.ellipsoid(
            "flowers",
            (0.7 * size, 0.42 * size, 0.22 * size),
            at=(at[0] + x, at[1] + y, at[2] + 0.15 * size),
            rotate=(0, -35, angle),
        )


CACTUS = Kind(
    name="cactus",
    synonyms=("saguaro", "saguaro cactus", "potted cactus", "cactus plant", "cacti"),
    default_color="green",
    build=build_cactus,
    parts=(
        Part(name="body"),
        Part(name="pot", color="orange", captioned=True),
        Part(name="flowers", color="pink", captioned=True),
        Part(name="flower centers", color="yellow"),
        Part(name="spines", color="white"),
        Part(name="soil", color="brown"),
    ),
)


def build_mushroom(b: Builder) -> None:
    width, stem, dome = b.vary(0.46, 0.08), b.vary(0.15, 0.1), b.vary(0.45, 0.08)
    rim = b.vary(0.52, 0.06)
    control = [(0.0, 1.0), (0.4, 0.94), (0.78, 0.66), (1.0, 0.22), (0.97, 0.04), (0.86, 0.0)]
    cap = outline([(r * width, rim + z * dome) for r, z in control], 40)
    b.lathe("cap", [*cap, (0, rim + 0.05)])
    b.ellipsoid("spots", (0.12, 0.12, 0.03), at=(0, 0, rim + dome))
    for count, row, size, turn in ((6, 13, 0.085, 30.0), (9, 23, 0.065, 10.0)):
        _add_spots(b, cap, row, count, b.vary(size, 0.08), turn)
    b.lathe(
        "gills",
        [(0, rim - 0.02), (0.3 * width, rim - 0.025), (0.9 * width, rim + 0.012), (0, rim + 0.1)],
        tone=0.85,
    )
    for angle in range(0, 360, 20):
        b.rod("gills", around(angle, 0.2 * width, rim - 0.02), around(angle, 0.86 * width, rim + 0.01), 0.014)
    profile = [(0.0, 0.0), (1.2, 0.01), (1.4, 0.09), (1.1, 0.24), (0.88, 0.4), (0.95, rim + 0.04)]
    b.lathe("stem", [*outline([(r * stem, z) for r, z in profile], 24), (0, rim + 0.04)])
    b.lathe(
        "stem",
        [(0.5 * stem, 0.42), (1.05 * stem, 0.41), (1.65 * stem, 0.31), (1.5 * stem, 0.3), (0.5 * stem, 0.36)],
        tone=0.93,
    )


def _add_spots(
    b: Builder, cap: list[tuple[float, float]], row: int, count: int, size: float, turn: float
) -> None:
    (r0, z0), (r, z), (r1, z1) = cap[row - 1], cap[row], cap[row + 1]
    polar = float(np.degrees(np.arctan2(z0 - z1, r1 - r0)))
    for index in range(count):
        angle = turn + 360.0 * index / count
        b.ellipsoid("spots", (size, size, 0.028), at=around(angle, r, z), rotate=(0, polar, angle))


MUSHROOM = Kind(
    name="mushroom",
    synonyms=("toadstool", "fly agaric", "fungus", "amanita"),
    default_color="red",
    build=build_mushroom,
    parts=(
        Part(name="cap"),
        Part(name="spots", color="white", captioned=True),
        Part(name="stem", color="white", captioned=True),
        Part(name="gills", color="white"),
    ),
)


def build_flower(b: Builder) -> None:
    reach, width, tilt = b.vary(0.2, 0.07), b.vary(0.1, 0.08), np.radians(b.vary(22, 0.2))
    core, height = b.vary(0.125, 0.1), b.vary(0.74, 0.05)
    facing = np.array([0.0, -np.cos(tilt), np.sin(tilt)])
    up = np.array([0.0, np.sin(tilt), np.cos(tilt)])
    head = np.array([0.0, -0.06, height])
    for ring, (depth, cup, scale, tone) in enumerate(((0.0, 0.32, 1.0, 1.04), (-0.045, 0.1, 1.1, 0.84))):
        for index in range(8):
            angle = np.radians(45 * index + 22.5 * ring)
            out = np.cos(angle) * np.array([1.0, 0.0, 0.0]) + np.sin(angle) * up
            at = head + depth * facing + scale * reach * out + cup * 0.1 * facing
            b.ellipsoid(
                "petals",
                (0.88 * scale * reach, width, 0.026),
                at=(float(at[0]), float(at[1]), float(at[2])),
                rotate=orient((out + cup * facing).tolist(), (facing - cup * out).tolist()),
                tone=tone,
            )
    x, y, z = (head + 0.01 * facing).tolist()
    b.ellipsoid("center", (core, core, 0.06), at=(x, y, z), rotate=orient((1, 0, 0), facing.tolist()))
    for distance, count in ((0.3, 5), (0.68, 11)):
        for index in range(count):
            angle = 2 * np.pi * index / count
            seed = head + core * distance * (np.cos(angle) * np.array([1.0, 0, 0]) + np.sin(angle) * up)
            x, y, z = (seed + (0.072 - 0.03 * distance**2) * facing).tolist()
            b.ellipsoid("center", 0.02, at=(x, y, z), tone=0.8)
    b.tube(
        "stem",
        path([(0.03, 0, 0), (0.02, 0.02, 0.3), (0, 0.03, height - 0.14), (0, -0.02, height - 0.01)], 20),
        0.03,
    )
    b.ellipsoid("stem", (0.07, 0.07, 0.06), at=(0, 0.0, height - 0.02), tone=0.9)
    for side, base, rise in ((1, 0.12, 0.36), (-1, 0.2, 0.4)):
        _add_leaf(b, side, base, b.vary(rise, 0.1))


def _add_leaf(b: Builder, side: int, base: float, rise: float) -> None:
    curve = path(
        [
            (0.02, 0, base),
            (side * 0.14, 0, base + 0.35 * rise),
            (side * 0.27, 0, base + 0.6 * rise),
            (side * 0.38, 0, base + 0.62 * rise),
        ],
        6,
    )
    leaf(b, "leaves", curve, (0.035, 0.075, 0.095, 0.075, 0.035), (-side * 0.5, -1, 0.7))


FLOWER = Kind(
    name="flower",
    synonyms=(
        "daisy",
        "sunflower",
        "rose",
        "tulip",
        "lily",
        "gerbera",
        "blossom",
        "marigold",
        "chrysanthemum",
        "dahlia",
    ),
    default_color="red",
    build=build_flower,
    parts=(
        Part(name="petals"),
        Part(name="center", color="yellow", captioned=True),
        Part(name="stem", color="green", captioned=True),
        Part(name="leaves", color="green", captioned=True),
    ),
)

KINDS: tuple[Kind, ...] = (TREE, PALM, CACTUS, MUSHROOM, FLOWER)
