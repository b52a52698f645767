"""Four-legged animals, pointing to the right: rabbit, turtle, horse."""

import numpy as np

from training.objects.builder import Builder, Vector
from training.objects.kind import Kind, Part
from training.objects.shaping import around, facets, orient, outline, path


def build_rabbit(b: Builder) -> None:
    long, tall, ear = b.vary(0.36, 0.07), b.vary(0.28, 0.07), b.vary(0.27, 0.1)
    head: Vector = (0.29, 0.0, b.vary(0.66, 0.04))
    b.ellipsoid("body", (long, 0.26, tall), at=(-0.12, 0, 0.34), rotate=(0, 8, 0))
    b.ellipsoid("body", (0.2, 0.19, 0.22), at=(0.15, 0, 0.4))
    b.ellipsoid("body", (0.21, 0.2, 0.19), at=head)
    b.ellipsoid("body", (0.11, 0.13, 0.1), at=(head[0] + 0.15, 0, head[2] - 0.055))
    b.ellipsoid("nose", (0.035, 0.045, 0.03), at=(head[0] + 0.25, 0, head[2] - 0.015))
    b.ellipsoid("tail", 0.12, at=(-0.12 - long, 0, 0.32))
    for index in range(5):
        _, y, z = around(72.0 * index, 0.075)[2], *around(72.0 * index, 0.075)[:2]
        b.ellipsoid("tail", 0.07, at=(-0.17 - long, y, 0.32 + z))
    for side in (-1, 1):
        b.ellipsoid("eyes", 0.045, at=(head[0] + 0.105, side * 0.155, head[2] + 0.055))
        b.ellipsoid("glints", 0.018, at=(head[0] + 0.125, side * 0.185, head[2] + 0.08))
        b.ellipsoid("body", (0.07, 0.065, 0.06), at=(head[0] + 0.17, side * 0.06, head[2] - 0.075), tone=1.1)
        along, normal = (-0.3, side * 0.2, 1.0), (0.75, side * 0.9, 0.1)
        foot = np.array([head[0] - 0.06, side * 0.085, head[2] + 0.14])
        middle = foot + ear * np.array(along) / np.linalg.norm(along)
        inner = middle + 0.028 * np.array(normal)
        b.ellipsoid("ears", (ear + 0.04, 0.095, 0.045), at=_at(middle), rotate=orient(along, normal))
        b.ellipsoid("inner ears", (0.78 * ear, 0.06, 0.028), at=_at(inner), rotate=orient(along, normal))
        b.ellipsoid("body", (0.23, 0.12, 0.22), at=(-0.22, side * 0.19, 0.26), rotate=(0, -14, 0), tone=0.93)
        b.ellipsoid("body", (0.2, 0.085, 0.065), at=(-0.1, side * 0.23, 0.06))
        b.tube(
            "body",
            [(0.15, side * 0.12, 0.36), (0.19, side * 0.13, 0.18), (0.21, side * 0.13, 0.06)],
            [0.1, 0.075, 0.07],
        )
        b.ellipsoid("body", (0.11, 0.08, 0.06), at=(0.25, side * 0.13, 0.055))


def _at(position: np.typing.NDArray[np.float64]) -> Vector:
    return (float(position[0]), float(position[1]), float(position[2]))


RABBIT = Kind(
    name="rabbit",
    synonyms=("bunny", "hare", "bunny rabbit", "easter bunny"),
    default_color="white",
    build=build_rabbit,
    parts=(
        Part(name="body"),
        Part(name="ears", captioned=True),
        Part(name="tail", color="white", captioned=True),
        Part(name="eyes", color="black", captioned=True),
        Part(name="inner ears", color="pink"),
        Part(name="nose", color="pink"),
        Part(name="glints", color="white"),
    ),
)


def build_turtle(b: Builder) -> None:
    long, wide, dome = b.vary(0.46, 0.06), b.vary(0.39, 0.06), b.vary(0.43, 0.08)
    rim = 0.2
    arch = outline([(1.0, 0.0), (0.95, 0.28), (0.76, 0.66), (0.42, 0.92), (0.0, 1.0)], 20)
    b.lathe(
        "shell",
        [(0, rim - 0.03), (1, rim - 0.03), *((r, rim + dome * z) for r, z in arch)],
        scale=(long, wide, 1),
        tone=0.8,
    )
    edge = [(0.9, rim - 0.06), (1.1, rim - 0.045), (1.15, rim), (1.08, rim + 0.05), (0.9, rim + 0.06)]
    b.lathe("shell", edge, scale=(long, wide, 1), tone=1.05)
    b.lathe(
        "body",
        [(0, rim - 0.13), (0.8, rim - 0.11), (1.0, rim - 0.02), (0, rim)],
        scale=(long, wide, 1),
        tone=1.1,
    )
    for count, polar, size, start in ((1, 0.0, 0.15, 0.0), (6, 41.0, 0.15, 30.0), (12, 72.0, 0.09, 15.0)):
        for index in range(count):
            angle = np.radians(start + 360.0 * index / count)
            normal = np.array(
                [
                    np.cos(angle) * np.sin(np.radians(polar)),
                    np.sin(angle) * np.sin(np.radians(polar)),
                    np.cos(np.radians(polar)),
                ]
            )
            share = (0.0, 0.6, 0.9)[(count > 1) + (count > 6)]
            height = float(np.interp(share, [r for r, _ in arch][::-1], [z for _, z in arch][::-1]))
            at = (
                share * long * float(np.cos(angle)),
                share * wide * float(np.sin(angle)),
                rim + dome * height,
            )
            along = (-float(np.sin(angle)), float(np.cos(angle)), 0.0)
            plate = [(0.0, -0.03), (size, -0.03), (0.8 * size, 0.028), (0.0, 0.028)]
            facets(b, "shell", plate, 6, at=at, rotate=orient(along, normal.tolist()), tone=1.05)
    _add_turtle_skin(b, long, wide)


def _add_turtle_skin(b: Builder, long: float, wide: float) -> None:
    head = b.vary(0.17, 0.08)
    x, z = long + 0.19, 0.37
    b.tube("body", [(0.7 * long, 0, 0.2), (long + 0.07, 0, 0.24), (x, 0, z)], [0.13, 0.11, 0.11])
    b.ellipsoid("body", (1.1 * head, 0.95 * head, 0.95 * head), at=(x + 0.03, 0, z))
    b.ellipsoid("body", (0.75 * head, 0.75 * head, 0.55 * head), at=(x + 0.1, 0, z - 0.04))
    for side in (-1, 1):
        b.ellipsoid("eyes", 0.04, at=(x + 0.03 + 0.5 * head, side * 0.75 * head, z + 0.38 * head))
        b.ellipsoid(
            "glints", 0.017, at=(x + 0.04 + 0.5 * head, side * (0.75 * head + 0.03), z + 0.38 * head + 0.02)
        )
        for front in (-1, 1):
            hip = (front * 0.6 * long, side * 0.6 * wide, 0.18)
            foot = (front * (0.78 * long + 0.03), side * (0.78 * wide + 0.08), 0.07)
            b.rod("body", hip, foot, 0.12, 0.1)
            b.ellipsoid(
                "body", (0.13, 0.11, 0.065), at=(foot[0] + 0.03, foot[1], 0.06), rotate=(0, 0, side * 20)
            )
            for toe in (-1, 0, 1):
                b.ellipsoid(
                    "body",
                    0.036,
                    at=(foot[0] + 0.14 - 0.02 * abs(toe), foot[1] + side * 0.04 + 0.06 * toe, 0.035),
                    tone=1.3,
                )
    b.rod("body", (-0.9 * long, 0, 0.18), (-long - 0.2, 0, 0.11), 0.08, 0.025)


TURTLE = Kind(
    name="turtle",
    synonyms=("tortoise", "sea turtle"),
    default_color="green",
    build=build_turtle,
    parts=(
        Part(name="body"),
        Part(name="shell", captioned=True),
        Part(name="eyes", color="black", captioned=True),
        Part(name="glints", color="white"),
    ),
)


def build_horse(b: Builder) -> None:
    long, girth, leg = b.vary(0.34, 0.06), b.vary(0.21, 0.07), b.vary(0.088, 0.08)
    back, neck = b.vary(0.68, 0.05), b.vary(0.4, 0.06)
    b.ellipsoid("body", (long + 0.08, girth, 1.02 * girth), at=(0, 0, back))
    b.ellipsoid("body", (0.23, 1.02 * girth, 1.12 * girth), at=(0.86 * long - 0.02, 0, back + 0.02))
    b.ellipsoid("body", (0.25, 1.08 * girth, 1.12 * girth), at=(-0.86 * long + 0.03, 0, back + 0.03))
    poll = (long + 0.24, 0.0, back + neck + 0.03)
    b.tube(
        "body",
        [(long - 0.04, 0, back + 0.08), (long + 0.12, 0, back + 0.55 * neck), poll],
        [0.2, 0.155, 0.125],
    )
    muzzle = (poll[0] + 0.25, 0.0, poll[2] - 0.2)
    b.tube("body", [poll, (poll[0] + 0.12, 0, poll[2] - 0.08), muzzle], [0.135, 0.12, 0.085])
    b.ellipsoid("body", (0.1, 0.088, 0.085), at=muzzle, tone=0.85)
    for side in (-1, 1):
        b.tube(
            "body",
            [
                (poll[0] - 0.03, side * 0.07, poll[2] + 0.1),
                (poll[0] - 0.03, side * 0.085, poll[2] + 0.18),
                (poll[0] - 0.01, side * 0.085, poll[2] + 0.25),
            ],
            [0.045, 0.05, 0.018],
        )
        b.ellipsoid("eyes", 0.036, at=(poll[0] + 0.1, side * 0.112, poll[2] - 0.0))
        b.ellipsoid("eyes", 0.018, at=(muzzle[0] + 0.06, side * 0.06, muzzle[2] + 0.02))
        _add_horse_legs(b, side, 0.86 * long, girth, leg, back)
    _add_horse_hair(b, poll, long, back, neck)


def _add_horse_legs(b: Builder, side: int, stance: float, girth: float, leg: float, back: float) -> None:
    y, hip = side * 0.58 * girth, back - 0.08
    front: list[Vector] = [
        (stance, y, hip),
        (stance + 0.03, y, 0.55 * hip),
        (stance + 0.02, y, 0.16),
        (stance + 0.03, y, 0.08),
    ]
    hind: list[Vector] = [
        (-stance, y, hip + 0.02),
        (-stance + 0.02, y, 0.7 * hip),
        (-stance - 0.07, y, 0.5 * hip),
        (-stance - 0.03, y, 0.08),
    ]
    b.tube("body", front, [1.35 * leg, leg, 0.8 * leg, 0.85 * leg])
    b.tube("body", hind, [1.6 * leg, 1.25 * leg, 0.9 * leg, 0.85 * leg])
    for x in (front[-1][0] + 0.015, hind[-1][0] + 0.015):
        b.cylinder("hooves", 1.25 * leg, 0.13, at=(x, y, 0.05), top_radius=0.95 * leg)


def _add_horse_hair(b: Builder, poll: Vector, long: float, back: float, neck: float) -> None:
    crest = path(
        [
            (long - 0.11, 0, back + 0.26),
            (long - 0.01, 0, back + 0.6 * neck),
            (poll[0] - 0.1, 0, poll[2] + 0.04),
            (poll[0] - 0.01, 0, poll[2] + 0.13),
        ],
        7,
    )
    for index, (x, y, z) in enumerate(crest):
        b.ellipsoid(
            "mane", (0.1, 0.07, 0.085), at=(x, y, z), rotate=(0, 25, 0), tone=1.0 + 0.25 * (index % 2)
        )
        for side in (-1, 1) if index < 6 else ():
            b.ellipsoid(
                "mane",
                (0.055, 0.05, 0.12),
                at=(x + 0.0, side * 0.085, z - 0.09),
                rotate=(side * 14, 20, 0),
                tone=1.25 - 0.25 * (index % 2),
            )
    b.tube(
        "mane",
        [
            (poll[0], 0, poll[2] + 0.13),
            (poll[0] + 0.09, 0, poll[2] + 0.1),
            (poll[0] + 0.15, 0, poll[2] + 0.0),
        ],
        [0.06, 0.055, 0.025],
    )
    root = -long - 0.12
    dock = path(
        [
            (root + 0.06, 0, back + 0.17),
            (root - 0.08, 0, back + 0.16),
            (root - 0.16, 0, back - 0.08),
            (root - 0.14, 0, back - 0.32),
            (root - 0.2, 0, back - 0.46),
        ],
        12,
    )
    b.tube("tail", dock, np.interp(np.arange(12), [0, 3, 7, 11], [0.05, 0.075, 0.1, 0.03]).tolist())
    for side in (-1, 1):
        lock: list[Vector] = [(x, side * 0.05, z - 0.02) for x, _, z in dock[2:10]]
        b.tube("tail", lock, [0.05, 0.06, 0.065, 0.065, 0.065, 0.06, 0.05, 0.03], tone=1.3)


HORSE = Kind(
    name="horse",
    synonyms=("pony", "stallion", "mare", "foal", "steed"),
    default_color="brown",
    build=build_horse,
    parts=(
        Part(name="body"),
        Part(name="mane", color="black", captioned=True),
        Part(name="tail", color="black", captioned=True),
        Part(name="hooves", color="black", captioned=True),
        Part(name="eyes", color="black"),
    ),
)

KINDS: tuple[Kind, ...] = (RABBIT, TURTLE, HORSE)
