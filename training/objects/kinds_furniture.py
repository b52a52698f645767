"""Furniture: chair, table, sofa, bed, stool, bookshelf."""

from training.objects.builder import Builder
from training.objects.kind import Kind, Part

SIDES = (-1, 1)
BOOK_PARTS = ("books red", "books blue", "books green", "books yellow")


def build_chair(b: Builder) -> None:
    width, depth, height = b.vary(0.5, 0.08), b.vary(0.48, 0.08), b.vary(0.46, 0.08)
    back = b.vary(0.54, 0.08)
    half, rear, top = width / 2, depth / 2, height + back
    b.box("body", (width, depth, 0.06), at=(0, 0, height), radius=0.025)
    b.box(
        "cushion", (width - 0.08, depth - 0.1, 0.06), at=(0, -0.015, height + 0.04), radius=0.028, tone=1.25
    )
    for x in SIDES:
        foot = x * (half - 0.015)
        b.tube(
            "legs",
            [(x * (half - 0.05), -rear + 0.05, height - 0.02), (foot, -rear + 0.02, 0.0)],
            [0.036, 0.026],
        )
        b.tube(
            "legs",
            [(x * (half - 0.05), rear - 0.05, height - 0.02), (foot, rear + 0.03, 0.0)],
            [0.036, 0.026],
        )
        b.rod("body", (x * (half - 0.04), rear - 0.04, height), (x * (half - 0.03), rear + 0.07, top), 0.034)
        b.rod("legs", (x * (half - 0.035), -rear + 0.04, 0.2), (x * (half - 0.035), rear - 0.02, 0.2), 0.018)
    b.rod("legs", (-half + 0.035, 0, 0.2), (half - 0.035, 0, 0.2), 0.018)
    b.box(
        "body", (width - 0.06, 0.05, 0.14), at=(0, rear + 0.058, top - 0.07), rotate=(-11, 0, 0), radius=0.024
    )
    b.box(
        "body",
        (width - 0.09, 0.036, 0.06),
        at=(0, rear - 0.012, height + 0.15),
        rotate=(-11, 0, 0),
        radius=0.016,
    )
    for x in SIDES:
        b.rod("body", (0.09 * x, rear - 0.01, height + 0.15), (0.09 * x, rear + 0.05, top - 0.1), 0.026)


def build_table(b: Builder) -> None:
    width, depth, height = b.vary(1.0, 0.06), b.vary(0.64, 0.08), b.vary(0.6, 0.08)
    half, rear = width / 2, depth / 2
    b.box("top", (width, depth, 0.06), at=(0, 0, height), radius=0.02)
    for x in SIDES:
        b.box("top", (0.04, depth - 0.2, 0.1), at=(x * (half - 0.1), 0, height - 0.075), tone=0.85)
        for y in SIDES:
            top, foot = (x * (half - 0.1), y * (rear - 0.1)), (x * (half - 0.075), y * (rear - 0.075))
            b.box("legs", (0.09, 0.09, 0.12), at=(*top, height - 0.085), radius=0.01)
            b.tube("legs", [(*top, height - 0.12), (*foot, 0.03)], [0.045, 0.03])
            b.ellipsoid("legs", (0.042, 0.042, 0.03), at=(*foot, 0.03))
    for y in SIDES:
        b.box("top", (width - 0.2, 0.04, 0.1), at=(0, y * (rear - 0.1), height - 0.075), tone=0.85)


def build_sofa(b: Builder) -> None:
    width, depth, seat, back = b.vary(1.0, 0.06), b.vary(0.46, 0.06), b.vary(0.22, 0.08), b.vary(0.5, 0.06)
    half, rear, arm = width / 2, depth / 2, b.vary(0.13, 0.08)
    b.box("body", (width - 0.04, depth - 0.02, seat - 0.06), at=(0, 0, 0.07 + (seat - 0.06) / 2), radius=0.03)
    b.box(
        "body", (width - 0.06, 0.16, back - 0.09), at=(0, rear - 0.06, 0.09 + (back - 0.09) / 2), radius=0.06
    )
    for x in SIDES:
        side = x * (half - arm / 2)
        b.box("body", (arm, depth, seat + 0.06), at=(side, 0, 0.07 + (seat + 0.06) / 2), radius=0.035)
        b.cylinder("body", arm / 2 + 0.012, depth + 0.01, at=(side, 0, seat + 0.13), axis="y")
        cushion = half - arm
        b.box(
            "cushions",
            (cushion - 0.008, depth - 0.1, 0.1),
            at=(x * cushion / 2, -0.055, seat + 0.055),
            radius=0.035,
            tone=1.12,
        )
        b.box(
            "cushions",
            (cushion - 0.012, 0.11, back - seat - 0.03),
            rotate=(-10, 0, 0),
            radius=0.045,
            tone=1.12,
            at=(x * cushion / 2, rear - 0.17, seat + 0.08 + (back - seat) / 2),
        )
        b.box(
            "pillows",
            (0.17, 0.075, 0.17),
            at=(x * (cushion - 0.1), rear - 0.255, seat + 0.185),
            rotate=(-20, 12 * x, 0),
            radius=0.036,
        )
        for y in SIDES:
            b.cylinder(
                "legs", 0.026, 0.09, at=(x * (half - 0.08), y * (rear - 0.07), 0.045), top_radius=0.036
            )


def build_bed(b: Builder) -> None:
    width, length = b.vary(0.68, 0.08), b.vary(1.0, 0.05)
    head, foot, top = b.vary(0.47, 0.08), b.vary(0.24, 0.06), b.vary(0.29, 0.05)
    half, rear = width / 2, length / 2
    for x in SIDES:
        b.box("frame", (0.04, length - 0.06, 0.1), at=(x * (half - 0.02), 0, 0.14))
        for y, height in ((1, head), (-1, foot)):
            b.box(
                "frame", (0.075, 0.075, height), at=(x * (half - 0.015), y * rear, height / 2), radius=0.014
            )
            b.ellipsoid("frame", 0.046, at=(x * (half - 0.015), y * rear, height + 0.024))
        b.box(
            "pillows",
            (half - 0.055, 0.21, 0.11),
            at=(x * (half / 2 - 0.012), rear - 0.17, top + 0.05),
            rotate=(14, 0, 0),
            radius=0.05,
        )
    b.box("frame", (width - 0.04, 0.05, head - 0.16), at=(0, rear, 0.1 + (head - 0.16) / 2), radius=0.012)
    b.box("frame", (width - 0.04, 0.066, 0.05), at=(0, rear, head - 0.05), radius=0.02)
    b.box("frame", (width - 0.04, 0.05, foot - 0.11), at=(0, -rear, 0.1 + (foot - 0.13) / 2), radius=0.012)
    b.box(
        "mattress",
        (width - 0.07, length - 0.07, top - 0.13),
        at=(0, 0, 0.13 + (top - 0.13) / 2),
        radius=0.035,
    )
    cover = length - 0.34
    b.box(
        "blanket",
        (width + 0.03, cover, top - 0.075),
        at=(0, -rear + 0.005 + cover / 2, 0.1 + (top - 0.075) / 2),
        radius=0.045,
    )
    b.box(
        "sheet",
        (width + 0.05, 0.1, top - 0.045),
        at=(0, -rear + cover, 0.085 + (top - 0.045) / 2),
        radius=0.045,
    )


def build_stool(b: Builder) -> None:
    radius, height, spread = b.vary(0.29, 0.08), b.vary(0.6, 0.08), b.vary(0.27, 0.06)
    b.lathe(
        "seat",
        [
            (0, 0),
            (radius - 0.04, 0),
            (radius, 0.035),
            (radius + 0.005, 0.07),
            (radius - 0.015, 0.11),
            (radius - 0.06, 0.135),
            (0, 0.145),
        ],
        at=(0, 0, height),
    )
    b.cylinder("seat", radius - 0.03, 0.05, at=(0, 0, height - 0.012), tone=0.8)
    ring = 0.2
    inset = radius * 0.62
    at_ring = spread + (inset - spread) * ring / height
    for x in SIDES:
        for y in SIDES:
            b.tube(
                "legs",
                [(0.75 * x * inset, 0.75 * y * inset, height), (0.8 * x * spread, 0.8 * y * spread, 0.0)],
                [0.038, 0.028],
            )
    corner = 0.79 * at_ring
    for side in SIDES:
        b.rod("legs", (-corner, side * corner, ring), (corner, side * corner, ring), 0.02)
        b.rod("legs", (side * corner, -corner, ring + 0.1), (side * corner, corner, ring + 0.1), 0.02)


def build_bookshelf(b: Builder) -> None:
    width, depth, height = b.vary(0.64, 0.08), b.vary(0.26, 0.08), b.vary(1.0, 0.04)
    half, wall, plinth = width / 2, 0.045, 0.07
    gap = (height - plinth - wall) / 4
    for x in SIDES:
        b.box("frame", (wall, depth, height), at=(x * (half - wall / 2), 0, height / 2))
    b.box("frame", (width - 0.02, 0.04, height - 0.02), at=(0, depth / 2 - 0.026, height / 2), tone=0.75)
    b.box("frame", (width + 0.05, depth + 0.04, 0.05), at=(0, -0.005, height + 0.005), radius=0.012)
    b.box("frame", (width + 0.03, depth + 0.02, plinth), at=(0, -0.005, plinth / 2), radius=0.01)
    # Each book: share of the shelf's width, share of its height, colour. A sixth leans beside five.
    shelves = (
        ((0.18, 0.72, 0), (0.14, 0.84, 1), (0.18, 0.66, 3), (0.13, 0.8, 2), (0.16, 0.74, 0)),
        ((0.15, 0.82, 2), (0.19, 0.7, 0), (0.15, 0.84, 3), (0.17, 0.76, 1), (0.15, 0.68, 2), (0.19, 0.8, 0)),
        ((0.19, 0.68, 1), (0.14, 0.8, 0), (0.17, 0.84, 2), (0.14, 0.7, 3), (0.15, 0.78, 1)),
        ((0.18, 0.8, 3), (0.15, 0.72, 2), (0.18, 0.84, 1), (0.15, 0.76, 0), (0.19, 0.82, 3), (0.15, 0.7, 2)),
    )
    inner = width - 2 * wall
    for level, books in enumerate(shelves):
        floor = plinth + gap * level
        if level:
            b.box("shelves", (width - 0.07, depth - 0.015, 0.036), at=(0, 0, floor - 0.018))
        left = -inner / 2
        for share, tall, color in books:
            size = (share * inner + 0.004, depth - 0.07, tall * (gap - 0.036) + 0.004)
            b.box(BOOK_PARTS[color], size, at=(left + share * inner / 2, 0.005, floor + size[2] / 2 - 0.004))
            left += share * inner
        if len(books) == 5:
            tall = 0.74 * (gap - 0.036)
            b.box(
                "books yellow",
                (0.1 * inner, depth - 0.08, tall),
                rotate=(0, -14, 0),
                at=(left + 0.115 * inner, 0.005, floor + tall / 2),
            )


CHAIR = Kind(
    name="chair",
    synonyms=("dining chair", "kitchen chair", "armless chair", "side chair"),
    default_color="brown",
    build=build_chair,
    parts=(Part(name="body"), Part(name="legs", captioned=True), Part(name="cushion", captioned=True)),
)
TABLE = Kind(
    name="table",
    synonyms=("dining table", "coffee table", "side table", "kitchen table", "end table"),
    default_color="brown",
    build=build_table,
    parts=(Part(name="top"), Part(name="legs", captioned=True)),
)
SOFA = Kind(
    name="sofa",
    synonyms=("couch", "loveseat", "settee", "chesterfield"),
    default_color="red",
    build=build_sofa,
    parts=(
        Part(name="body"),
        Part(name="cushions", captioned=True),
        Part(name="pillows", color="white", captioned=True),
        Part(name="legs", color="brown", captioned=True),
    ),
)
BED = Kind(
    name="bed",
    synonyms=("double bed", "single bed", "platform bed", "twin bed"),
    default_color="blue",
    build=build_bed,
    parts=(
        Part(name="blanket"),
        Part(name="frame", color="brown", captioned=True),
        Part(name="pillows", color="white", captioned=True),
        Part(name="mattress", color="white"),
        Part(name="sheet", color="white"),
    ),
)
STOOL = Kind(
    name="stool",
    synonyms=("bar stool", "barstool", "footstool"),
    default_color="red",
    build=build_stool,
    parts=(Part(name="seat"), Part(name="legs", color="brown", captioned=True)),
)
BOOKSHELF = Kind(
    name="bookshelf",
    synonyms=("bookcase", "book shelf", "bookshelves"),
    default_color="brown",
    build=build_bookshelf,
    parts=(
        Part(name="frame"),
        Part(name="shelves", captioned=True),
        Part(name="books red", color="red"),
        Part(name="books blue", color="blue"),
        Part(name="books green", color="green"),
        Part(name="books yellow", color="yellow"),
    ),
)

KINDS: tuple[Kind, ...] = (CHAIR, TABLE, SOFA, BED, STOOL, BOOKSHELF)
