"""Buildings: house, castle, lighthouse."""

import numpy as np

from training.objects.builder import Builder, arc, smooth
from training.objects.kind import Kind, Part

SIDES = (-1, 1)


def window(b: Builder, at: tuple[float, float, float], yaw: float, size: tuple[float, float]) -> None:
    """A pane with a frame and a cross, on a wall that faces -y turned by `yaw` about z."""
    width, height = size
    turned = (0.0, 0.0, yaw)
    b.box("frames", (width + 0.055, 0.036, height + 0.055), at=at, rotate=turned)
    b.box("windows", (width, 0.052, height), at=at, rotate=turned)
    half, rise, bar = width / 2, height / 2, 0.012
    corner = [(half, bar), (bar, bar), (bar, rise)]
    upper = corner + [(-x, z) for x, z in reversed(corner)]
    b.prism("frames", upper + [(-x, -z) for x, z in upper], 0.07, at=at, rotate=turned)


def build_house(b: Builder) -> None:
    width, depth, height = b.vary(0.8, 0.06), b.vary(0.7, 0.06), b.vary(0.5, 0.06)
    rise, over, thick = b.vary(0.32, 0.08), 0.08, 0.055
    half, front, apex = width / 2, -depth / 2, height + rise
    b.prism("walls", [(-half, 0.02), (half, 0.02), (half, height), (0, apex), (-half, height)], depth)
    b.box("base", (width + 0.04, depth + 0.04, 0.07), at=(0, 0, 0.035))
    slope = np.arctan2(rise, half)
    along, out = np.array([np.cos(slope), -np.sin(slope)]), np.array([np.sin(slope), np.cos(slope)])
    length = half / float(np.cos(slope)) + over
    for side in SIDES:
        x, z = np.array([0, apex]) + along * length / 2 + out * (thick / 2 - 0.012)
        b.box(
            "roof",
            (length, depth + 0.16, thick),
            at=(side * float(x), 0, float(z)),
            rotate=(0, side * float(np.degrees(slope)), 0),
            radius=0.012,
        )
        for y, yaw in ((front, 0.0), (-front, 180.0)):
            window(b, (side * 0.29 * width, y, 0.56 * height), yaw, (0.13, 0.15))
        for y in (-0.22, 0.22):
            window(b, (side * half, y * depth, 0.56 * height), 90.0 * side, (0.13, 0.15))
    b.rod("roof", (0, front - 0.06, apex + 0.045), (0, -front + 0.06, apex + 0.045), 0.036, tone=0.85)
    b.box("frames", (0.2, 0.034, 0.3), at=(0, front, 0.07 + 0.15))
    b.box("door", (0.155, 0.054, 0.27), at=(0, front, 0.07 + 0.135))
    b.ellipsoid("frames", 0.018, at=(0.05, front - 0.032, 0.2))
    for step in (0.0, 1.0):
        b.box(
            "base",
            (0.26, 0.1 + 0.07 * step, 0.045),
            at=(0, front - 0.04 - 0.035 * step, 0.0525 - 0.03 * step),
        )
    b.cylinder("frames", 0.085, 0.05, at=(0, front, height + 0.4 * rise), axis="y")
    b.cylinder("windows", 0.062, 0.066, at=(0, front, height + 0.4 * rise), axis="y")
    chimney = (0.24 * width, 0.18 * depth)
    b.box("chimney", (0.13, 0.13, rise + 0.06), at=(*chimney, apex - rise / 2 + 0.08))
    b.box("chimney", (0.165, 0.165, 0.045), at=(*chimney, apex + 0.11), tone=0.8)


def turret(b: Builder, at: tuple[float, float], radius: float, height: float, roof: float) -> None:
    """A round tower with a corbelled top, a cone roof and a dark slit to the front and to the back."""
    x, y = at
    b.lathe(
        "walls",
        [
            (0, 0),
            (1.1 * radius, 0),
            (radius, 0.07),
            (radius, height - 0.1),
            (1.2 * radius, height - 0.05),
            (1.2 * radius, height),
            (0, height),
        ],
        at=(x, y, 0),
    )
    b.cylinder("roofs", 1.34 * radius, roof, at=(x, y, height + roof / 2 - 0.012), top_radius=0.012)
    for side in SIDES:
        b.box("windows", (0.045, 0.04, 0.1), at=(x, y + side * (radius - 0.01), height - 0.2), radius=0.01)


def flag(b: Builder, at: tuple[float, float, float]) -> None:
    x, y, z = at
    b.rod("flags", (x, y, z - 0.03), (x, y, z + 0.13), 0.013, tone=0.7)
    b.prism("flags", [(0, 0.05), (0, 0.13), (0.13, 0.09)], 0.024, at=(x, y, z))


def build_castle(b: Builder) -> None:
    half, wall, tall = b.vary(0.38, 0.05), b.vary(0.34, 0.07), b.vary(0.56, 0.06)
    radius, roof, keep = b.vary(0.125, 0.06), b.vary(0.23, 0.08), b.vary(0.78, 0.05)
    for x in SIDES:
        for y in SIDES:
            turret(b, (x * half, y * half), radius, tall, roof)
        flag(b, (x * half, -half, tall + roof))
        for turn, center in (((0, 0, 0), (0.0, x * half)), ((0, 0, 90), (x * half, 0.0))):
            b.box("walls", (2 * half, 0.1, wall), at=(*center, wall / 2), rotate=turn)
            for step in (-1.5, -0.5, 0.5, 1.5):
                offset = 0.3 * half * step
                at = (offset, center[1], wall + 0.025) if turn[2] == 0 else (center[0], offset, wall + 0.025)
                b.box("walls", (0.07, 0.112, 0.08), at=at, rotate=turn, tone=0.9)
    b.box("walls", (0.34, 0.34, keep - 0.26), at=(0, 0.06, (keep - 0.26) / 2))
    for x in SIDES:
        for y in SIDES:
            b.box("walls", (0.09, 0.09, 0.08), at=(x * 0.135, 0.06 + y * 0.135, keep - 0.24), tone=0.9)
    turret(b, (0, 0.06), 0.14, keep, 1.15 * roof)
    flag(b, (0, 0.06, keep + 1.15 * roof))
    front = -half - 0.1
    b.box("walls", (0.32, 0.2, wall + 0.07), at=(0, -half, (wall + 0.07) / 2))
    for across in (-0.115, 0.0, 0.115):
        b.box("walls", (0.075, 0.215, 0.075), at=(across, -half, wall + 0.09), tone=0.9)
    b.box("walls", (2 * half, 2 * half, 0.05), at=(0, 0, 0.025), tone=0.8)
    arch = [(-0.1, 0.0), (0.1, 0.0), *((x, z) for x, _, z in arc((0, 0, 0.16), 0.1, 0, 180))]
    b.prism("walls", [(1.28 * x, 1.16 * z) for x, z in arch], 0.05, at=(0, front, 0), tone=0.75)
    b.prism("gate", arch, 0.07, at=(0, front, 0.0))
    for across in (-0.045, 0.045):
        b.box("gate", (0.024, 0.085, 0.23), at=(across, front, 0.115), tone=0.55)
    for z in (0.06, 0.15):
        b.box("gate", (0.195, 0.083, 0.024), at=(0, front, z), tone=0.55)


def build_lighthouse(b: Builder) -> None:
    wide, narrow, top = b.vary(0.25, 0.06), b.vary(0.17, 0.05), b.vary(0.8, 0.05)
    low = 0.09

    def radius_at(z: float) -> float:
        return wide + (narrow - wide) * (z - low) / (top - low)

    b.lathe("rocks", [(0, 0), (1.4 * wide, 0), (1.36 * wide, 0.05), (1.15 * wide, 0.11), (0, 0.12)])
    for x, y, size in (
        (0.26, -0.1, 0.085),
        (-0.25, -0.14, 0.095),
        (-0.16, 0.24, 0.1),
        (0.2, 0.2, 0.08),
        (0.05, -0.3, 0.07),
    ):
        b.ellipsoid("rocks", (1.25 * size, size, 0.85 * size), at=(x, y, 0.04), tone=0.85)
    b.cylinder("tower", wide, top - low, at=(0, 0, (top + low) / 2), top_radius=narrow)
    band = 0.115 * (top - low)
    for index in range(3):
        z0 = low + (0.17 + 0.29 * index) * (top - low)
        r0, r1 = radius_at(z0), radius_at(z0 + band)
        b.lathe(
            "stripes", [(r0 - 0.02, z0), (r0 + 0.008, z0), (r1 + 0.008, z0 + band), (r1 - 0.02, z0 + band)]
        )
    b.lathe(
        "gallery",
        [
            (0, top - 0.05),
            (narrow, top - 0.05),
            (narrow + 0.05, top),
            (narrow + 0.05, top + 0.03),
            (0, top + 0.03),
        ],
    )
    rail = narrow + 0.036
    b.torus("gallery", rail, 0.013, at=(0, 0, top + 0.095))
    for x, y, _ in arc((0, 0, 0), rail, 22.5, 337.5, plane="xy", num_points=8):
        b.rod("gallery", (x, y, top + 0.02), (x, y, top + 0.095), 0.011)
    lamp = 0.68 * narrow
    b.cylinder("tower", lamp + 0.012, 0.05, at=(0, 0, top + 0.045))
    b.cylinder("light", lamp, 0.19, at=(0, 0, top + 0.14))
    for x, y, _ in arc((0, 0, 0), lamp, 0, 300, plane="xy", num_points=6):
        b.rod("gallery", (x, y, top + 0.06), (x, y, top + 0.23), 0.012)
    dome = smooth([(1.5 * lamp, 0.0), (1.25 * lamp, 0.05), (0.65 * lamp, 0.11), (0.02, 0.15)], 10)
    b.lathe(
        "roof",
        [(0, -0.012), (1.5 * lamp, -0.012), *((r, z) for r, z in dome), (0, 0.15)],
        at=(0, 0, top + 0.235),
    )
    b.rod("roof", (0, 0, top + 0.37), (0, 0, top + 0.42), 0.014)
    b.ellipsoid("roof", 0.028, at=(0, 0, top + 0.4))
    arch = [(-0.05, 0.0), (0.05, 0.0), *((x, z) for x, _, z in arc((0, 0, 0.11), 0.05, 0, 180, num_points=9))]
    b.prism("door", arch, 0.08, at=(0, -wide + 0.02, 0.105))
    for share in (0.42, 0.71):
        z = low + share * (top - low)
        b.box("windows", (0.05, 0.05, 0.07), at=(0, -radius_at(z) + 0.01, z), radius=0.012)


HOUSE = Kind(
    name="house",
    synonyms=("cottage", "cabin", "log cabin", "farmhouse", "bungalow"),
    default_color="white",
    build=build_house,
    parts=(
        Part(name="walls"),
        Part(name="roof", color="red", captioned=True),
        Part(name="door", color="brown", captioned=True),
        Part(name="chimney", color="brown", captioned=True),
        Part(name="windows", color="teal"),
        Part(name="frames", color="white"),
        Part(name="base", color="gray"),
    ),
)
CASTLE = Kind(
    name="castle",
    synonyms=("fortress", "medieval castle"),
    default_color="gray",
    build=build_castle,
    parts=(
        Part(name="walls"),
        Part(name="roofs", color="blue", captioned=True),
        Part(name="gate", color="brown", captioned=True),
        Part(name="flags", color="red", captioned=True),
        Part(name="windows", color="black"),
    ),
)
LIGHTHOUSE = Kind(
    name="lighthouse",
    synonyms=("light house",),
    default_color="white",
    build=build_lighthouse,
    parts=(
        Part(name="tower"),
        Part(name="stripes", color="red", captioned=True),
        Part(name="roof", color="red", captioned=True),
        Part(name="door", color="brown", captioned=True),
        Part(name="gallery", color="black"),
        Part(name="light", color="yellow"),
        Part(name="windows", color="black"),
        Part(name="rocks", color="gray"),
    ),
)

KINDS: tuple[Kind, ...] = (HOUSE, CASTLE, LIGHTHOUSE)
