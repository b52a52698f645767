"""Household things: lamp, clock, umbrella, camera."""

from itertools import pairwise

import numpy as np

from training.objects.builder import AXIS_TURNS, Builder, arc
from training.objects.kind import Kind, Part
from training.objects.outlines import curve, profile

SIDES = (-1, 1)


def build_lamp(b: Builder) -> None:
    wide, narrow, shade = b.vary(0.34, 0.07), b.vary(0.21, 0.07), b.vary(0.36, 0.07)
    body = b.vary(0.17, 0.08)
    low = 0.52
    b.lathe("base", [(0, 0), (0.19, 0), (0.19, 0.03), (0.11, 0.06), (0, 0.06)])
    vessel = profile(
        [(0.07, 0.05), (0.8 * body, 0.1), (body, 0.2), (0.75 * body, 0.32), (0.05, 0.42), (0.04, 0.46)]
    )
    b.lathe("base", [(0, 0.05), *vessel, (0, 0.46)])
    b.rod("base", (0, 0, 0.44), (0, 0, low + shade - 0.03), 0.022, tone=0.85)
    b.torus("base", 0.05, 0.02, at=(0, 0, 0.43), tone=0.85)
    b.ellipsoid("bulb", (0.075, 0.075, 0.09), at=(0, 0, low + 0.12))
    top = low + shade
    b.lathe("shade", [(wide, low), (narrow, top), (narrow - 0.024, top), (wide - 0.024, low)])
    for radius, z in ((wide - 0.012, low), (narrow - 0.012, top)):
        b.torus("shade", radius, 0.018, at=(0, 0, z), tone=0.85)
    for angle in (0, 60, 120):
        x, y, z = arc((0, 0, top - 0.03), narrow - 0.01, angle, angle, plane="xy", num_points=1)[0]
        b.rod("base", (x, y, z), (-x, -y, z), 0.012)
    b.rod("base", (0, 0, top - 0.03), (0, 0, top + 0.03), 0.016)
    b.ellipsoid("base", 0.034, at=(0, 0, top + 0.05))


def build_clock(b: Builder) -> None:
    radius, depth = b.vary(0.36, 0.05), b.vary(0.24, 0.1)
    front = -depth / 2
    shell = [(0, -0.5), (0.82, -0.5), (0.97, -0.36), (1.0, -0.1), (1.0, 0.5), (0, 0.5)]
    b.lathe("body", [(r * radius, -z * depth) for r, z in reversed(shell)], rotate=AXIS_TURNS["y"])
    b.torus("body", radius - 0.022, 0.042, at=(0, front + 0.005, 0), axis="y")
    b.cylinder("face", radius - 0.03, 0.06, at=(0, front + 0.02, 0), axis="y")
    for hour in range(12):
        big = hour % 3 == 0
        x, _, z = arc((0, 0, 0), radius - 0.1, 30 * hour, 30 * hour, num_points=1)[0]
        size = (0.075 if big else 0.045, 0.03, 0.032 if big else 0.022)
        b.box("hands", size, at=(x, front - 0.006, z), rotate=(0, -30 * hour, 0))
    for length, angle, thick in ((0.5, 150, 0.04), (0.68, 30, 0.03)):
        x, _, z = arc((0, 0, 0), length * radius / 2, angle, angle, num_points=1)[0]
        b.box(
            "hands",
            (length * radius, 0.03, thick),
            at=(x, front - 0.018, z),
            rotate=(0, -angle, 0),
            radius=0.012,
        )
    b.cylinder("hands", 0.036, 0.05, at=(0, front - 0.018, 0), axis="y")
    dome = profile([(0.155, 0), (0.15, 0.05), (0.1, 0.11), (0, 0.135)], 12)
    for side in SIDES:
        tilt = np.radians(33)
        x, z = side * float(np.sin(tilt)), float(np.cos(tilt))
        b.rod(
            "feet",
            (0.9 * radius * x, 0, 0.9 * radius * z),
            ((radius + 0.1) * x, 0, (radius + 0.1) * z),
            0.026,
        )
        at = ((radius + 0.05) * x, 0, (radius + 0.05) * z)
        b.lathe("bells", [(0, 0), *dome], at=at, rotate=(0, side * 33, 0))
        b.ellipsoid("bells", 0.028, at=((radius + 0.195) * x, 0, (radius + 0.195) * z), tone=0.85)
        foot = (side * 0.3, 0, -radius - 0.07)
        b.rod("feet", (side * 0.55 * radius, 0, -0.75 * radius), foot, 0.04, 0.03)
        b.ellipsoid("feet", 0.046, at=foot)
    b.rod("feet", (0, 0, radius - 0.03), (0, 0, radius + 0.1), 0.022)
    b.box("feet", (0.1, 0.06, 0.06), at=(0, 0, radius + 0.1), radius=0.02)
    knob = (0.545 * (radius + 0.19), 0.839 * (radius + 0.19))
    handle = [(-1.0, 0.0), (-0.75, 0.1), (0.0, 0.17), (0.75, 0.1), (1.0, 0.0)]
    b.tube("feet", curve([(x * knob[0], 0, knob[1] + z) for x, z in handle]), 0.024)
    b.cylinder("feet", 0.05, 0.08, at=(0.12, -front + 0.02, 0), axis="y")
    b.cylinder("feet", 0.05, 0.08, at=(-0.12, -front + 0.02, 0), axis="y")


def build_umbrella(b: Builder) -> None:
    reach, dome = b.vary(0.5, 0.05), b.vary(0.27, 0.08)
    rings = [(0.0, 0.0), (0.42, 0.12), (0.77, 0.45), (1.0, 1.0)]
    line = [(reach * share, 0.95 - dome * drop) for share, drop in rings]
    flare = float(np.tan(np.radians(22.5)))
    for index in range(8):
        angle = 45.0 * index + 22.5
        part, tone = ("canopy", 1.0) if index % 2 else ("stripes", 0.85)
        for (r0, z0), (r1, z1) in pairwise(line):
            slope, length = float(np.arctan2(z0 - z1, r1 - r0)), float(np.hypot(r1 - r0, z1 - z0))
            hem = 0.045 if r1 == line[-1][0] else -0.004
            edge = [
                (r1 * flare, length),
                (0.5 * r1 * flare, length - 0.8 * hem),
                (0.0, length - hem),
                (-0.5 * r1 * flare, length - 0.8 * hem),
                (-r1 * flare, length),
            ]
            turned = np.radians(angle)
            at = (r0 * float(np.sin(turned)), -r0 * float(np.cos(turned)), z0)
            start = max(r0, 0.004) * flare
            b.prism(
                part,
                [(-start, 0.0), (start, 0.0), *edge],
                0.022,
                at=at,
                rotate=(90 + float(np.degrees(slope)), 0, angle),
                tone=tone,
            )
        corner = np.radians(45.0 * index)
        stretch = float(1 / np.cos(np.radians(22.5)))
        rib = [
            (stretch * r * float(np.sin(corner)), -stretch * r * float(np.cos(corner)), z) for r, z in line
        ]
        b.tube("canopy", rib, 0.0125, tone=0.8)
        b.ellipsoid("shaft", 0.02, at=rib[-1])
    b.rod("shaft", (0, 0, 0.05), (0, 0, 1.0), 0.018)
    b.rod("shaft", (0, 0, 0.95), (0, 0, 1.03), 0.026, 0.014)
    hook = [(0.0, 0.0, 0.22), (0.0, 0.0, 0.05), *arc((0.075, 0, 0.05), 0.075, 180, 360, num_points=10)]
    b.tube("handle", [*hook, (0.15, 0, 0.08)], 0.034)


def build_camera(b: Builder) -> None:
    width, height, depth = b.vary(0.88, 0.05), b.vary(0.5, 0.06), b.vary(0.28, 0.08)
    lens = b.vary(0.2, 0.06)
    half, front, top = width / 2, -depth / 2, height
    b.box("body", (width, depth, height), at=(0, 0, height / 2), radius=0.06)
    b.box("body", (0.16, 0.12, height - 0.08), at=(-half + 0.1, front - 0.01, height / 2 - 0.01), radius=0.05)
    b.box("top", (width - 0.02, depth - 0.02, 0.09), at=(0, 0, top), radius=0.03)
    b.prism("top", [(-0.16, 0), (0.16, 0), (0.1, 0.13), (-0.1, 0.13)], depth - 0.05, at=(0, 0, top + 0.03))
    b.box("flash", (0.16, 0.05, 0.065), at=(0, front + 0.01, top + 0.095), radius=0.012)
    middle = (0.06, height / 2 - 0.01)
    for radius, out, tone in ((lens + 0.02, 0.07, 0.8), (lens, 0.15, 1.0), (lens - 0.035, 0.23, 0.85)):
        b.cylinder("lens", radius, 2 * out, at=(middle[0], front, middle[1]), axis="y", tone=tone)
    b.torus("lens", lens - 0.01, 0.02, at=(middle[0], front - 0.15, middle[1]), axis="y", tone=0.7)
    b.torus("lens", lens - 0.055, 0.024, at=(middle[0], front - 0.23, middle[1]), axis="y")
    b.ellipsoid(
        "glass", (lens - 0.065, 0.05, lens - 0.065), at=(middle[0], front - 0.225, middle[1]), tone=0.8
    )
    b.ellipsoid("flash", (0.035, 0.016, 0.035), at=(middle[0] - 0.05, front - 0.262, middle[1] + 0.05))
    b.cylinder("button", 0.045, 0.08, at=(-half + 0.11, -0.02, top + 0.06))
    b.cylinder("top", 0.07, 0.09, at=(half - 0.12, 0, top + 0.06), tone=0.8)
    b.cylinder("top", 0.05, 0.07, at=(-half + 0.23, 0.02, top + 0.055), tone=0.8)
    b.box("details", (0.09, 0.04, 0.07), at=(half - 0.1, front + 0.005, top - 0.09), radius=0.012)
    b.box(
        "details", (0.42, 0.04, 0.29), at=(-0.04, -front - 0.008, height / 2 - 0.01), radius=0.012, tone=1.8
    )
    b.box("details", (0.13, 0.04, 0.06), at=(0, -front - 0.03, top + 0.09), radius=0.012)
    for side in SIDES:
        b.torus("details", 0.034, 0.014, at=(side * (half + 0.012), 0, top - 0.09), axis="y")


LAMP = Kind(
    name="lamp",
    synonyms=("table lamp", "desk lamp", "bedside lamp"),
    default_color="white",
    build=build_lamp,
    parts=(
        Part(name="shade"),
        Part(name="base", color="gold", captioned=True),
        Part(name="bulb", color="yellow"),
    ),
)
CLOCK = Kind(
    name="clock",
    synonyms=("alarm clock", "desk clock", "table clock"),
    default_color="red",
    build=build_clock,
    parts=(
        Part(name="body"),
        Part(name="face", color="white", captioned=True),
        Part(name="bells", color="gold", captioned=True),
        Part(name="hands", color="black", captioned=True),
        Part(name="feet", color="gray"),
    ),
)
UMBRELLA = Kind(
    name="umbrella",
    synonyms=("parasol", "sunshade"),
    default_color="red",
    build=build_umbrella,
    parts=(
        Part(name="canopy"),
        Part(name="stripes", captioned=True),
        Part(name="handle", color="brown", captioned=True),
        Part(name="shaft", color="gray"),
    ),
)
CAMERA = Kind(
    name="camera",
    synonyms=("digital camera", "photo camera", "film camera", "compact camera"),
    default_color="black",
    build=build_camera,
    parts=(
        Part(name="body"),
        Part(name="lens", color="gray", captioned=True),
        Part(name="top", color="gray", captioned=True),
        Part(name="glass", color="blue"),
        Part(name="flash", color="white"),
        Part(name="button", color="red", captioned=True),
        Part(name="details", color="black"),
    ),
)

KINDS: tuple[Kind, ...] = (LAMP, CLOCK, UMBRELLA, CAMERA)
