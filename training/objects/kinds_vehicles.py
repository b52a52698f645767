"""Road vehicles, pointing along +x: car, truck, bus."""

from training.objects.builder import AXIS_TURNS, Builder, arc
from training.objects.kind import Kind, Part

SIDES = (-1, 1)
GLASS_TONE = 0.5  # windows are gray, darkened: apart from black, from silver and from white bodies


def wheel(b: Builder, x: float, y: float, radius: float, width: float) -> None:
    """A tyre with bevelled shoulders standing on z = 0, and a hub cap on each side."""
    bevel = 0.15 * radius
    half = width / 2
    b.lathe(
        "wheels",
        [
            (0, -half),
            (radius - bevel, -half),
            (radius, bevel - half),
            (radius, half - bevel),
            (radius - bevel, half),
            (0, half),
        ],
        at=(x, y, radius),
        rotate=AXIS_TURNS["y"],
    )
    b.cylinder("hubs", 0.52 * radius, width + 0.016, at=(x, y, radius), axis="y")
    b.cylinder("hubs", 0.2 * radius, width + 0.036, at=(x, y, radius), axis="y", tone=0.7)


def fender(b: Builder, part: str, x: float, z: float, radius: float, width: float) -> None:
    """A half disc over both wheels of an axle."""
    b.prism(
        part, [(px, pz) for px, _, pz in arc((0, 0, 0), radius, 0, 180, num_points=13)], width, at=(x, 0, z)
    )


def cabin(
    b: Builder,
    pillars: str,
    roof: str,
    corners: tuple[float, float, float, float],
    belt: float,
    top: float,
    width: float,
    posts: tuple[float, ...],
) -> None:
    """Glass with pillars and a roof; corners are x at the rear below and above, the front above and below."""
    rear, top_rear, top_front, front = corners
    b.prism(
        "windows",
        [(rear, belt - 0.02), (top_rear, top), (top_front, top), (front, belt - 0.02)],
        width - 0.05,
        tone=GLASS_TONE,
    )
    b.box(
        roof,
        (top_front - top_rear + 0.07, width, 0.05),
        at=((top_rear + top_front) / 2, 0, top + 0.005),
        radius=0.025,
    )
    for side in SIDES:
        y = side * (width / 2 - 0.026)
        for low, high in ((rear, top_rear), (front, top_front), *((post, post) for post in posts)):
            b.rod(pillars, (low, y, belt - 0.01), (high, y, top), 0.021)


def build_car(b: Builder) -> None:
    length, width = b.vary(1.0, 0.05), b.vary(0.47, 0.06)
    radius, belt, top = b.vary(0.13, 0.06), b.vary(0.3, 0.05), b.vary(0.5, 0.05)
    half, axle = length / 2, 0.3 * length
    b.box("body", (length, width, belt - 0.07), at=(0, 0, 0.07 + (belt - 0.07) / 2), radius=0.075)
    b.box("body", (length * 0.72, width - 0.05, 0.06), at=(-0.05, 0, belt - 0.015), radius=0.03)
    cabin(
        b,
        "body",
        "roof",
        (-0.76 * half, -0.56 * half, 0.1 * half, 0.42 * half),
        belt,
        top,
        width - 0.05,
        (-0.1 * half,),
    )
    for x in (-axle, axle):
        fender(b, "body", x, radius, radius + 0.035, width + 0.024)
        for side in SIDES:
            wheel(b, x, side * (width / 2 - 0.03), radius, 0.1)
    for side in SIDES:
        b.cylinder("lights", 0.045, 0.05, at=(half - 0.012, side * 0.34 * width, belt - 0.1), axis="x")
        b.box(
            "tail lights",
            (0.04, 0.09, 0.05),
            at=(-half + 0.012, side * 0.34 * width, belt - 0.09),
            radius=0.012,
        )
        b.ellipsoid("body", (0.03, 0.035, 0.028), at=(0.3 * half, side * (width / 2 - 0.008), belt + 0.02))
        b.box(
            "bumpers",
            (0.06, 0.02, 0.022),
            at=(-0.2 * half, side * (width / 2 + 0.002), belt - 0.06),
            radius=0.008,
        )
    b.box("windows", (0.03, 0.36 * width, 0.055), at=(half - 0.004, 0, belt - 0.1), radius=0.01, tone=0.4)
    for side in SIDES:
        b.box("bumpers", (0.05, width - 0.04, 0.05), at=(side * (half - 0.002), 0, 0.11), radius=0.022)


def build_truck(b: Builder) -> None:
    length, width = b.vary(1.0, 0.05), b.vary(0.44, 0.06)
    radius, belt, top = b.vary(0.13, 0.05), b.vary(0.36, 0.04), b.vary(0.54, 0.05)
    half, axle, back = length / 2, 0.3 * length, -0.07
    b.box(
        "body",
        (half - back, width - 0.02, belt - 0.12),
        at=((half + back) / 2, 0, 0.12 + (belt - 0.12) / 2),
        radius=0.05,
    )
    b.box(
        "body", (0.25, width - 0.02, belt - 0.12), at=(back + 0.125, 0, 0.12 + (belt - 0.12) / 2), radius=0.03
    )
    cabin(
        b, "body", "body", (back + 0.03, back + 0.04, back + 0.17, back + 0.26), belt, top, width - 0.03, ()
    )
    b.box("bumpers", (length - 0.08, 0.6 * width, 0.08), at=(0, 0, 0.13), tone=0.5)
    bed, floor, wall = half + back - 0.015, 0.19, b.vary(0.16, 0.06)
    middle, z = -half + bed / 2, floor + wall / 2
    b.box("cargo bed", (bed, width, 0.05), at=(middle, 0, floor))
    for side in SIDES:
        b.box("cargo bed", (bed, 0.034, wall), at=(middle, side * (width / 2 - 0.017), z))
        b.box(
            "cargo bed",
            (bed + 0.01, 0.055, 0.034),
            at=(middle, side * (width / 2 - 0.017), floor + wall),
            radius=0.01,
        )
        b.box("cargo bed", (0.034, width, wall), at=(middle + side * (bed / 2 - 0.017), 0, z))
        for x in (-half + 0.03, middle, -half + bed - 0.03):
            b.box(
                "cargo bed",
                (0.03, 0.03, wall - 0.01),
                at=(x, side * (width / 2 + 0.002), z - 0.005),
                tone=0.85,
            )
        b.cylinder("lights", 0.05, 0.05, at=(half - 0.01, side * 0.33 * width, belt - 0.1), axis="x")
        b.box("tail lights", (0.03, 0.06, 0.07), at=(-half, side * 0.36 * width, floor + 0.02), radius=0.01)
        b.box(
            "bumpers",
            (0.05, 0.02, 0.024),
            at=(back + 0.08, side * (width / 2 - 0.004), belt - 0.06),
            radius=0.008,
        )
        b.ellipsoid("body", (0.025, 0.03, 0.045), at=(back + 0.25, side * (width / 2 - 0.005), belt + 0.05))
    fender(b, "body", axle, radius, radius + 0.04, width + 0.03)
    for x in (-axle, axle):
        for side in SIDES:
            wheel(b, x, side * (width / 2 - 0.03), radius, 0.12)
    b.box("bumpers", (0.03, 0.4 * width, 0.12), at=(half - 0.002, 0, belt - 0.11), radius=0.012)
    for step in (-1, 0, 1):
        b.box(
            "windows",
            (0.03, 0.36 * width, 0.018),
            at=(half + 0.005, 0, belt - 0.11 + 0.035 * step),
            tone=GLASS_TONE,
        )
    b.box("bumpers", (0.06, width + 0.01, 0.06), at=(half + 0.005, 0, 0.145), radius=0.022)


def build_bus(b: Builder) -> None:
    length, width, top = b.vary(1.02, 0.04), b.vary(0.41, 0.06), b.vary(0.52, 0.06)
    radius, half, floor = b.vary(0.11, 0.05), length / 2, 0.085
    side_y = width / 2
    b.box("body", (length, width, top - floor), at=(0, 0, (top + floor) / 2), radius=0.05)
    b.box("roof", (length - 0.05, width - 0.04, 0.07), at=(0, 0, top - 0.01), radius=0.03)
    pane = 0.155 * length
    glass = floor + 0.68 * (top - floor)
    for side in SIDES:
        for index in range(5):
            if index < 4 or side > 0:
                b.box(
                    "windows",
                    (pane - 0.035, 0.03, 0.13),
                    at=(-half + 0.125 + pane * index, side * (side_y - 0.008), glass),
                    radius=0.012,
                    tone=GLASS_TONE,
                )
        for z in (glass - 0.095, glass - 0.15):
            b.box("stripes", (length - 0.08, 0.03, 0.022), at=(0, side * (side_y - 0.009), z))
        b.cylinder("lights", 0.032, 0.04, at=(half - 0.01, side * 0.34 * width, floor + 0.08), axis="x")
        b.box(
            "tail lights",
            (0.03, 0.05, 0.06),
            at=(-half + 0.008, side * 0.36 * width, floor + 0.09),
            radius=0.01,
        )
        b.tube(
            "stripes",
            [
                (half - 0.06, side * (side_y - 0.01), glass + 0.04),
                (half + 0.0, side * (side_y + 0.035), glass + 0.02),
                (half + 0.0, side * (side_y + 0.035), glass - 0.03),
            ],
            [0.011, 0.011, 0.022],
        )
    for end, wide in ((1, width - 0.09), (-1, 0.5 * width)):
        at = (end * (half - 0.006), 0.0, glass - 0.01)
        b.box("windows", (0.03, wide, 0.17), at=at, radius=0.014, tone=GLASS_TONE)
    for x in (-0.04, 0.04):
        b.box(
            "windows",
            (0.07, 0.03, 0.29),
            at=(half - 0.155 + x, -side_y + 0.005, glass - 0.075),
            radius=0.01,
            tone=GLASS_TONE,
        )
    b.box("lights", (0.03, 0.5 * width, 0.035), at=(half - 0.012, 0, top - 0.045), radius=0.01)
    for end in SIDES:
        b.box(
            "hubs",
            (0.04, width - 0.03, 0.045),
            at=(end * (half - 0.005), 0, floor + 0.025),
            radius=0.018,
            tone=0.6,
        )
        for side in SIDES:
            wheel(b, end * 0.29 * length - 0.02, side * (side_y - 0.025), radius, 0.085)


CAR = Kind(
    name="car",
    synonyms=(
        "taxi",
        "taxi cab",
        "sedan",
        "convertible",
        "coupe",
        "hatchback",
        "sports car",
        "automobile",
        "muscle car",
        "race car",
        "racecar",
        "limousine",
        "hot rod",
    ),
    default_color="red",
    build=build_car,
    parts=(
        Part(name="body"),
        Part(name="wheels", color="black", captioned=True),
        Part(name="roof", captioned=True),
        Part(name="windows", color="gray"),
        Part(name="hubs", color="gray"),
        Part(name="bumpers", color="gray"),
        Part(name="lights", color="yellow"),
        Part(name="tail lights", color="red"),
    ),
)
TRUCK = Kind(
    name="truck",
    synonyms=("pickup", "pickup truck", "lorry", "delivery truck", "semi-truck", "dump truck"),
    default_color="blue",
    build=build_truck,
    parts=(
        Part(name="body"),
        Part(name="wheels", color="black", captioned=True),
        Part(name="cargo bed", captioned=True),
        Part(name="windows", color="gray"),
        Part(name="hubs", color="gray"),
        Part(name="bumpers", color="gray"),
        Part(name="lights", color="yellow"),
        Part(name="tail lights", color="red"),
    ),
)
BUS = Kind(
    name="bus",
    synonyms=("school bus", "coach bus", "city bus", "minibus"),
    default_color="yellow",
    build=build_bus,
    parts=(
        Part(name="body"),
        Part(name="wheels", color="black", captioned=True),
        Part(name="roof", captioned=True),
        Part(name="stripes", color="black", captioned=True),
        Part(name="windows", color="gray"),
        Part(name="hubs", color="gray"),
        Part(name="lights", color="white"),
        Part(name="tail lights", color="red"),
    ),
)

KINDS: tuple[Kind, ...] = (CAR, TRUCK, BUS)
