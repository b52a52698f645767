"""Other ways to travel: bicycle, tractor, airplane and sailboat, pointing along +x, and a standing rocket."""

import numpy as np

from training.objects.builder import Builder, Outline, arc, smooth
from training.objects.kind import Kind, Part

SIDES = (-1, 1)
SPOKES = 5  # of a wheel: the gaps between them are wider than a cell of the structure's latents (4 voxels)


def build_bicycle(b: Builder) -> None:
    radius, base = b.vary(0.36, 0.03), b.vary(1.06, 0.03)
    saddle = b.vary(0.94, 0.05)
    rear, front = (-base / 2, 0.0, radius), (base / 2, 0.0, radius)
    for hub in (rear, front):
        b.torus("tires", radius - 0.024, 0.024, at=hub, axis="y")
        b.torus("wheels", radius - 0.05, 0.014, at=hub, axis="y")
        b.cylinder("wheels", 0.038, 0.1, at=hub, axis="y")
        for x, _, z in arc(hub, radius - 0.055, 18, 306, num_points=SPOKES):
            b.rod("wheels", hub, (x, 0, z), 0.017)
    crank, seat = (-0.08, 0.0, radius - 0.04), (-0.21, 0.0, saddle - 0.12)
    steer = (base / 2 - 0.2, 0.0, 0.9)
    head, low_head = (steer[0] + 0.02, 0.0, 0.81), (steer[0] + 0.06, 0.0, 0.7)
    for start, end in ((crank, seat), (crank, low_head), (seat, head)):
        b.rod("frame", start, end, 0.042)
    b.rod("frame", low_head, steer, 0.044)
    for y in (-0.055, 0.055):
        b.rod("frame", (rear[0], y, rear[2]), (crank[0], 0.5 * y, crank[2]), 0.02)
        b.rod("frame", (rear[0], y, rear[2]), (seat[0], 0.5 * y, seat[2]), 0.02)
        b.tube(
            "frame", [(front[0], y, front[2]), (low_head[0] + 0.02, y, 0.68), (low_head[0], 0, 0.72)], 0.026
        )
    bar = 1.03
    b.rod("handlebars", steer, (steer[0] - 0.02, 0, bar), 0.028)
    for side in SIDES:
        b.tube(
            "handlebars",
            [
                (steer[0] - 0.02, 0, bar),
                (steer[0], 0.15 * side, bar + 0.02),
                (steer[0] - 0.13, 0.24 * side, bar + 0.01),
            ],
            0.024,
        )
        b.rod(
            "seat",
            (steer[0] - 0.11, 0.23 * side, bar + 0.01),
            (steer[0] - 0.19, 0.26 * side, bar + 0.005),
            0.032,
        )
    b.rod("pedals", seat, (seat[0] - 0.02, 0, saddle), 0.026)
    b.tube(
        "seat",
        [(-0.31, 0, saddle + 0.025), (-0.24, 0, saddle + 0.02), (-0.1, 0, saddle + 0.02)],
        [0.085, 0.06, 0.03],
    )
    b.cylinder("pedals", 0.095, 0.03, at=(crank[0], -0.045, crank[2]), axis="y")
    for side in SIDES:
        end = (crank[0] + 0.09 * side, 0.085 * side, crank[2] - 0.11 * side)
        b.rod("pedals", (crank[0], 0.06 * side, crank[2]), end, 0.02)
        b.box("pedals", (0.11, 0.09, 0.034), at=(end[0], 0.13 * side, end[2]), radius=0.012, tone=0.6)


def build_tractor(b: Builder) -> None:
    rear, front, track = b.vary(0.26, 0.05), b.vary(0.15, 0.06), b.vary(0.21, 0.06)
    hood, top = b.vary(0.46, 0.05), b.vary(0.78, 0.05)
    axle_rear, axle_front, width = -0.24, 0.3, 0.13
    b.box("body", (0.5, 0.27, hood - 0.22), at=(0.2, 0, 0.22 + (hood - 0.22) / 2), radius=0.05)
    b.box("body", (0.36, 0.26, 0.2), at=(-0.2, 0, rear + 0.05), radius=0.04)
    b.box("details", (0.72, 0.13, 0.1), at=(0.02, 0, 0.2), radius=0.02, tone=1.8)
    b.box("details", (0.04, 0.17, hood - 0.29), at=(0.435, 0, 0.27 + (hood - 0.29) / 2), radius=0.012)
    for side in SIDES:
        b.cylinder("lights", 0.035, 0.05, at=(0.44, side * 0.075, hood - 0.04), axis="x")
        for x, radius, deep, hub in ((axle_rear, rear, width, 0.62), (axle_front, front, 0.1, 0.58)):
            y, num_lugs = side * (track + deep / 2 - 0.02), 10 if x < 0 else 8
            b.torus("tires", radius - 0.3 * radius, 0.3 * radius - 0.012, at=(x, y, radius), axis="y")
            b.cylinder("tires", 0.9 * radius, 0.7 * deep, at=(x, y, radius), axis="y")
            for angle in range(num_lugs):
                degrees = 360.0 / num_lugs * angle
                px, _, pz = arc((x, y, radius), radius - 0.012, degrees, degrees, num_points=1)[0]
                b.box(
                    "tires", (0.06, deep, 0.07 * radius / rear), at=(px, y, pz), rotate=(0, 90 - degrees, 0)
                )
            b.cylinder("wheels", hub * radius, deep + 0.024, at=(x, y, radius), axis="y")
            b.cylinder("wheels", 0.22 * radius, deep + 0.06, at=(x, y, radius), axis="y", tone=0.75)
        outline = [(x, z) for x, _, z in arc((0, 0, 0), rear + 0.055, 15, 165)]
        inner = [(x, z) for x, _, z in arc((0, 0, 0), rear + 0.015, 165, 15)]
        b.prism(
            "body", outline + inner, width + 0.02, at=(axle_rear, side * (track + width / 2 - 0.02), rear)
        )
        for x, lean in ((-0.4, 0.03), (-0.02, -0.03)):
            b.rod("cab", (x, side * 0.14, rear + 0.12), (x + lean, side * 0.14, top), 0.022)
        b.rod("details", (axle_front, 0, front), (axle_front, side * track, front), 0.035)
        b.rod("details", (axle_rear, 0, rear), (axle_rear, side * track, rear), 0.05)
    b.box("cab", (0.46, 0.36, 0.05), at=(-0.2, 0, top), radius=0.024)
    b.box("details", (0.15, 0.17, 0.06), at=(-0.24, 0, rear + 0.17), radius=0.025)
    b.box("details", (0.05, 0.17, 0.19), at=(-0.31, 0, rear + 0.25), rotate=(0, -10, 0), radius=0.02)
    b.rod("details", (-0.01, 0, hood - 0.05), (-0.08, 0, hood + 0.06), 0.016)
    b.torus("details", 0.065, 0.018, at=(-0.08, 0, hood + 0.06), rotate=(0, -40, 0))
    b.rod("details", (-0.08, -0.065, hood + 0.06), (-0.08, 0.065, hood + 0.06), 0.014)
    b.rod("exhaust", (0.24, 0, hood - 0.02), (0.24, 0, hood + 0.2), 0.022)
    b.cylinder("exhaust", 0.035, 0.09, at=(0.24, 0, hood + 0.1), tone=0.8)


def airfoil(
    b: Builder, part: str, outline: Outline, at: tuple[float, float, float], lift: float, depth: float
) -> None:
    """A pair of wings: `outline` is (x, distance from the fuselage); `lift` degrees up at the tips."""
    for side in SIDES:
        b.prism(part, [(x, -side * y) for x, y in outline], depth, at=at, rotate=(90 + side * lift, 0, 0))


def build_airplane(b: Builder) -> None:
    radius, span, chord = b.vary(0.105, 0.07), b.vary(0.49, 0.05), b.vary(0.25, 0.06)
    profile = [
        (0, -0.5),
        (0.03, -0.5),
        (0.055, -0.42),
        (0.085, -0.28),
        (0.1, -0.12),
        (0.1, 0.1),
        (0.1, 0.28),
        (0.085, 0.4),
        (0.05, 0.475),
        (0, 0.5),
    ]
    fuselage = [(max(r, 0) * radius / 0.1, z) for r, z in smooth(profile, 40)]
    b.lathe("body", fuselage, rotate=(0, 90, 0))
    airfoil(
        b, "wings", [(0.16, 0), (0.16 - chord, 0), (-0.26, span), (-0.16, span)], (0, 0, -0.035), 5, 0.036
    )
    airfoil(b, "tail", [(-0.34, 0), (-0.47, 0), (-0.53, 0.2), (-0.46, 0.2)], (0, 0, 0.03), 6, 0.03)
    fin = b.vary(0.3, 0.07)
    b.prism("tail", [(-0.29, 0.05), (-0.49, 0.03), (-0.55, fin), (-0.45, fin)], 0.034)
    for side in SIDES:
        for x in np.linspace(-0.25, 0.27, 9):
            b.ellipsoid(
                "windows",
                (0.017, 0.012, 0.021),
                at=(float(x), side * (radius * 0.962 - 0.002), 0.035),
                tone=0.6,
            )
        at = (0.045, side * 0.21, -0.085)
        b.lathe(
            "engines",
            [(0, -0.095), (0.03, -0.095), (0.052, -0.01), (0.055, 0.06), (0.048, 0.085), (0, 0.085)],
            at=at,
            rotate=(0, 90, 0),
        )
        b.cylinder("intakes", 0.036, 0.04, at=(at[0] + 0.072, at[1], at[2]), axis="x")
        b.box("engines", (0.1, 0.03, 0.06), at=(at[0] - 0.01, at[1], at[2] + 0.05))
        b.box(
            "windows",
            (0.07, 0.05, 0.035),
            at=(0.425, side * 0.042, 0.052),
            rotate=(0, 28, side * -34),
            radius=0.014,
            tone=0.6,
        )


def build_rocket(b: Builder) -> None:
    radius, nose, fin = b.vary(0.19, 0.07), b.vary(0.3, 0.07), b.vary(0.16, 0.07)
    body = smooth([(0.62, 0.16), (0.9, 0.28), (1.0, 0.44), (0.96, 0.58), (0.82, 0.72)], 20)
    wide = 0.82 * radius
    tip = smooth(
        [
            (wide, 0.72),
            (0.72 * wide, 0.72 + 0.42 * nose),
            (0.3 * wide, 0.72 + 0.8 * nose),
            (0.0, 0.72 + nose),
        ],
        14,
    )
    b.lathe("body", [(0, 0.16), *((r * radius, z) for r, z in body), (0, 0.72)])
    b.lathe("nose", [(0, 0.715), *((max(r, 0), z) for r, z in tip)])
    b.ellipsoid("nose", 0.022, at=(0, 0, 0.72 + nose))
    b.torus("trim", wide - 0.004, 0.018, at=(0, 0, 0.72))
    b.torus("trim", 0.7 * radius, 0.02, at=(0, 0, 0.18))
    b.lathe(
        "trim",
        [
            (0, 0.17),
            (0.45 * radius, 0.17),
            (0.6 * radius, 0.07),
            (0.48 * radius, 0.07),
            (0.36 * radius, 0.14),
            (0, 0.14),
        ],
        tone=0.75,
    )
    r = 0.75 * radius
    outline = [
        (r - 0.03, 0.42),
        (r + 0.06, 0.38),
        (r + 0.75 * fin, 0.24),
        (r + fin, 0.0),
        (r + 0.8 * fin, 0.0),
        (r + 0.45 * fin, 0.12),
        (r - 0.04, 0.2),
    ]
    for angle in (0, 90, 180, 270):
        b.prism("fins", outline, 0.045, rotate=(0, 0, angle))
    b.torus("trim", 0.08, 0.022, at=(0, 0.012 - radius, 0.54), axis="y")
    b.ellipsoid("window", (0.08, 0.035, 0.08), at=(0, 0.012 - radius, 0.54))


def build_sailboat(b: Builder) -> None:
    beam, freeboard, mast = b.vary(0.17, 0.07), b.vary(0.2, 0.07), b.vary(0.86, 0.05)
    deck = [(-0.44, 0.72), (-0.25, 0.96), (0.0, 1.0), (0.22, 0.82), (0.38, 0.45), (0.5, 0.0)]
    num_layers = 10
    for layer in range(num_layers):
        share = (layer + 1) / num_layers
        long, wide = 0.72 + 0.28 * share, beam * share**0.45
        plan = [(x * long, y * wide) for x, y in deck] + [
            (x * long, -y * wide) for x, y in reversed(deck[:-1])
        ]
        thick = freeboard / num_layers + 0.002
        part = "stripe" if layer == num_layers - 2 else "hull"
        b.prism(part, plan, thick, at=(0, 0, freeboard * (share - 0.5 / num_layers)), rotate=(90, 0, 0))
    floor = [(0.92 * x - 0.01, 0.86 * beam * y) for x, y in deck] + [
        (0.92 * x - 0.01, -0.86 * beam * y) for x, y in deck[-2::-1]
    ]
    b.prism("mast", floor, 0.03, at=(0, 0, freeboard), rotate=(90, 0, 0), tone=1.5)
    b.box("hull", (0.3, 1.1 * beam, 0.1), at=(-0.06, 0, freeboard + 0.05), radius=0.03)
    for side in SIDES:
        for x in (-0.15, -0.06, 0.03):
            b.cylinder(
                "windows", 0.022, 0.03, at=(x, side * (0.55 * beam - 0.007), freeboard + 0.055), axis="y"
            )
    top = freeboard + mast
    b.rod("mast", (0.08, 0, freeboard), (0.08, 0, top + 0.03), 0.024, 0.016)
    boom = freeboard + 0.19
    b.rod("mast", (0.08, 0, boom), (-0.42, -0.05, boom), 0.018)
    main = [
        (0, 0.03),
        (0.48, 0.03),
        (0.4, 0.2 * mast),
        (0.26, 0.48 * mast),
        (0.1, 0.7 * mast),
        (0, 0.76 * mast),
    ]
    b.prism("sails", [(-x, z) for x, z in main], 0.026, at=(0.065, -0.002, boom), rotate=(0, 0, 6))
    jib = [(0, 0), (0.33, -0.09), (0.2, 0.22 * mast), (0.09, 0.5 * mast), (0.01, 0.68 * mast)]
    b.prism("sails", jib, 0.026, at=(0.115, 0, boom + 0.01), rotate=(0, 0, 4))
    b.rod("mast", (0.49, 0, freeboard - 0.01), (0.085, 0, top - 0.06), 0.0125)
    b.prism("flag", [(0, 0), (0, 0.09), (-0.15, 0.045)], 0.022, at=(0.08, 0, top - 0.05))
    b.box("mast", (0.03, 0.03, 0.19), at=(-0.45, 0, 0.12), tone=0.8)


BICYCLE = Kind(
    name="bicycle",
    synonyms=("bike", "road bike", "mountain bike", "pushbike"),
    default_color="red",
    build=build_bicycle,
    parts=(
        Part(name="frame"),
        Part(name="wheels", color="gray", captioned=True),
        Part(name="seat", color="brown", captioned=True),
        Part(name="handlebars", color="gray", captioned=True),
        Part(name="tires", color="black"),
        Part(name="pedals", color="gray"),
    ),
)
TRACTOR = Kind(
    name="tractor",
    synonyms=("farm tractor",),
    default_color="green",
    build=build_tractor,
    parts=(
        Part(name="body"),
        Part(name="wheels", color="yellow", captioned=True),
        Part(name="cab", captioned=True),
        Part(name="tires", color="black"),
        Part(name="details", color="black"),
        Part(name="exhaust", color="gray"),
        Part(name="lights", color="white"),
    ),
)
AIRPLANE = Kind(
    name="airplane",
    synonyms=("aeroplane", "plane", "jet plane", "private jet", "airliner"),
    default_color="white",
    build=build_airplane,
    parts=(
        Part(name="body"),
        Part(name="wings", captioned=True),
        Part(name="tail", color="red", captioned=True),
        Part(name="engines", color="gray", captioned=True),
        Part(name="windows", color="black"),
        Part(name="intakes", color="black"),
    ),
)
ROCKET = Kind(
    name="rocket",
    synonyms=("rocket ship", "rocketship", "space rocket"),
    default_color="white",
    build=build_rocket,
    parts=(
        Part(name="body"),
        Part(name="fins", color="red", captioned=True),
        Part(name="nose", color="red", captioned=True),
        Part(name="window", color="teal", captioned=True),
        Part(name="trim", color="gray"),
    ),
)
SAILBOAT = Kind(
    name="sailboat",
    synonyms=("sailing boat", "yacht", "sail boat"),
    default_color="red",
    build=build_sailboat,
    parts=(
        Part(name="hull"),
        Part(name="sails", color="white", captioned=True),
        Part(name="mast", color="brown", captioned=True),
        Part(name="stripe", color="white"),
        Part(name="windows", color="black"),
        Part(name="flag", color="yellow", captioned=True),
    ),
)

KINDS: tuple[Kind, ...] = (BICYCLE, TRACTOR, AIRPLANE, ROCKET, SAILBOAT)
