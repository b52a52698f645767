"""Two kinds."""

import numpy as np

from training.objects.builder import Builder
from training.objects.kind import Kind, Part


def build_bicycle(b: Builder) -> None:
    radius, base = b.vary(0.33, 0.06), b.vary(1.02, 0.05)
    seat_height = b.vary(0.88, 0.06)
    rear, front = (-base / 2, 0.0, radius), (base / 2, 0.0, radius)
    for hub in (rear, front):
        b.torus("tires", radius - 0.028, 0.028, at=hub, axis="y")
        b.cylinder("wheels", 0.035, 0.09, at=hub, axis="y")
        for angle in np.radians(np.arange(0, 360, 30)):
            rim = (hub[0] + (radius - 0.04) * float(np.cos(angle)), 0.0, hub[2] + (radius - 0.04) * float(np.sin(angle)))
            b.rod("wheels", hub, rim, 0.008)
    crank, seat = (-0.06, 0.0, radius - 0.03), (-0.2, 0.0, seat_height - 0.08)
    head, fork_top = (base / 2 - 0.16, 0.0, 0.72), (base / 2 - 0.2, 0.0, 0.84)
    for start, end in ((crank, seat), (crank, head), (seat, head), (rear, crank), (rear, seat)):
        b.rod("frame", start, end, 0.028)
    b.rod("frame", front, fork_top, 0.026)
    b.rod("frame", fork_top, (fork_top[0] - 0.02, 0.0, 0.93), 0.022)
    b.tube("handlebar", [(fork_top[0] - 0.1, -0.24, 0.95), (fork_top[0], -0.2, 0.95), (fork_top[0], 0.2, 0.95),
                         (fork_top[0] - 0.1, 0.24, 0.95)], 0.022)
    b.rod("frame", seat, (-0.215, 0.0, seat_height), 0.02)
    b.ellipsoid("seat", (0.14, 0.07, 0.035), at=(-0.22, 0.0, seat_height + 0.02))
    b.rod("pedals", (crank[0], -0.1, crank[2] - 0.13), (crank[0], -0.05, crank[2]), 0.018)
    b.rod("pedals", (crank[0], 0.1, crank[2] + 0.13), (crank[0], 0.05, crank[2]), 0.018)
    b.torus("pedals", 0.08, 0.014, at=crank, axis="y")


BICYCLE = Kind(
    name="bicycle", synonyms=("bike",), default_color="red", build=build_bicycle,
    parts=(Part(name="frame"), Part(name="wheels", color="gray", captioned=True), Part(name="seat", color="black", captioned=True),
           Part(name="tires", color="black"), Part(name="handlebar", color="gray"), Part(name="pedals", color="gray")),
)


def build_chair(b: Builder) -> None:
    width, depth, height = b.vary(0.46), b.vary(0.44), b.vary(0.45, 0.08)
    b.box("seat", (width, depth, 0.06), at=(0, 0, height), radius=0.02)
    for x in (-1, 1):
        for y in (-1, 1):
            b.rod("legs", (x * (width / 2 - 0.03), y * (depth / 2 - 0.03), height - 0.02),
                  (x * (width / 2 - 0.01), y * (depth / 2 - 0.01), 0.02), 0.024)
    back = b.vary(0.5, 0.08)
    for x in (-1, 1):
        b.rod("seat", (x * (width / 2 - 0.03), depth / 2 - 0.03, height), (x * (width / 2 - 0.03), depth / 2 + 0.03, height + back), 0.022)
    b.box("seat", (width - 0.03, 0.03, back * 0.55), at=(0, depth / 2 + 0.015, height + back * 0.7), rotate=(-7, 0, 0), radius=0.012)


CHAIR = Kind(
    name="chair", synonyms=("armless chair", "dining chair"), default_color="brown", build=build_chair,
    parts=(Part(name="seat"), Part(name="legs", captioned=True)),
)

KINDS = (BICYCLE, CHAIR)
