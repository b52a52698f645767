"""The builder with which a kind describes its shape: solids placed in the object's space.

Space: x to the object's left-right (right positive), y to the back (the front faces -y), z up. Units are
free: the finished object is centred and scaled to a largest extent of `OBJECT_EXTENT`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy import ndarray as Array

from training.objects.solids import Lathe, Prism, RoundedBox, Solid, Sphere, Torus, Tube

Vector = tuple[float, float, float]
Outline = Sequence[tuple[float, float]]
AXIS_TURNS: dict[str, Vector] = {"z": (0.0, 0.0, 0.0), "x": (0.0, 90.0, 0.0), "y": (-90.0, 0.0, 0.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A solid in object space: scaled, then turned, then moved.

    Attributes:
        rotation: Local to object axes [3, 3].
        part: Name of the part it belongs to; the kind says how parts are coloured.
        tone: Brightness multiplier of the part's colour (0.5 darker, 1.2 lighter).
    """

    solid: Solid
    scale: Array
    rotation: Array
    offset: Array
    part: str
    tone: float


class Builder:
    """Collects the solids of one object. All angles in degrees; `rotate` turns about x, then y, then z."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.solids: list[Placed] = []

    def vary(self, value: float, share: float = 0.12) -> float:
        """`value` changed by up to +- `share` of itself: the proportions of this one object."""
        return float(value * (1 + self.rng.uniform(-share, share)))

    def add(
        self,
        solid: Solid,
        part: str,
        *,
        at: Vector = (0, 0, 0),
        rotate: Vector = (0, 0, 0),
        scale: Vector = (1, 1, 1),
        tone: float = 1.0,
    ) -> None:
        self.solids.append(
            Placed(
                solid=solid,
                scale=np.array(scale, dtype=float),
                rotation=turn(rotate),
                offset=np.array(at, dtype=float),
                part=part,
                tone=tone,
            )
        )

    def box(
        self,
        part: str,
        size: Vector,
        *,
        at: Vector = (0, 0, 0),
        rotate: Vector = (0, 0, 0),
        radius: float = 0.0,
        tone: float = 1.0,
    ) -> None:
        """A box of full side lengths `size` centred on `at`, edges rounded by `radius`."""
        self.add(
            RoundedBox(size=size, radius=min(radius, min(size) / 2)), part, at=at, rotate=rotate, tone=tone
        )

    def ellipsoid(
        self,
        part: str,
        radii: Vector | float,
        *,
        at: Vector = (0, 0, 0),
        rotate: Vector = (0, 0, 0),
        tone: float = 1.0,
    ) -> None:
        """An ellipsoid with the given half axes; one number makes a ball."""
        scale = (radii, radii, radii) if isinstance(radii, float | int) else radii
        self.add(Sphere(), part, at=at, rotate=rotate, scale=scale, tone=tone)

    def cylinder(
        self,
        part: str,
        radius: float,
        height: float,
        *,
        at: Vector = (0, 0, 0),
        axis: str = "z",
        rotate: Vector | None = None,
        top_radius: float | None = None,
        squash: float = 1.0,
        tone: float = 1.0,
    ) -> None:
        """A cylinder or cone (`top_radius`) centred on `at` along an axis (or turned by `rotate`).

        `squash` scales its local y, so that the cross-section becomes an ellipse.
        """
        top = radius if top_radius is None else top_radius
        outline = [(0.0, -height / 2), (radius, -height / 2), (top, height / 2), (0.0, height / 2)]
        self.add(
            Lathe(outline=np.array(outline)),
            part,
            at=at,
            rotate=rotate or AXIS_TURNS[axis],
            scale=(1, squash, 1),
            tone=tone,
        )

    def lathe(
        self,
        part: str,
        outline: Outline,
        *,
        at: Vector = (0, 0, 0),
        rotate: Vector = (0, 0, 0),
        scale: Vector = (1, 1, 1),
        tone: float = 1.0,
    ) -> None:
        """A closed (radius, z) outline revolved around z. A vessel's wall: go up the outside and down the
        inside.
        """
        corners = np.array(outline, dtype=float)
        corners[:, 0] = np.maximum(corners[:, 0], 0)  # a smoothed outline may overshoot the axis a little
        self.add(Lathe(outline=corners), part, at=at, rotate=rotate, scale=scale, tone=tone)

    def torus(
        self,
        part: str,
        radius: float,
        tube: float,
        *,
        at: Vector = (0, 0, 0),
        axis: str = "z",
        rotate: Vector | None = None,
        tone: float = 1.0,
    ) -> None:
        """A full ring around an axis."""
        self.add(Torus(radius=radius, tube=tube), part, at=at, rotate=rotate or AXIS_TURNS[axis], tone=tone)

    def rod(
        self,
        part: str,
        start: Vector,
        end: Vector,
        radius: float,
        end_radius: float | None = None,
        *,
        tone: float = 1.0,
    ) -> None:
        """A straight rod with round ends from `start` to `end`."""
        self.tube(part, [start, end], [radius, radius if end_radius is None else end_radius], tone=tone)

    def tube(
        self, part: str, path: Sequence[Vector], radius: float | Sequence[float], *, tone: float = 1.0
    ) -> None:
        """Balls swept along a polyline; one radius, or one for each corner."""
        radii = (
            np.full(len(path), radius) if isinstance(radius, float | int) else np.array(radius, dtype=float)
        )
        self.add(Tube(path=np.array(path, dtype=float), radii=radii), part, tone=tone)

    def prism(
        self,
        part: str,
        outline: Outline,
        depth: float,
        *,
        at: Vector = (0, 0, 0),
        rotate: Vector = (0, 0, 0),
        tone: float = 1.0,
    ) -> None:
        """A closed (x, z) outline, seen from the front, extruded along y to `depth`, centred."""
        self.add(
            Prism(outline=np.array(outline, dtype=float), depth=depth), part, at=at, rotate=rotate, tone=tone
        )


def turn(degrees: Vector) -> Array:
    """Rotation matrix about x, then y, then z (fixed axes)."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def smooth(
    points: Sequence[Sequence[float]], num_points: int = 24, *, closed: bool = False
) -> list[tuple[float, ...]]:
    """A Catmull-Rom curve through the points (2D or 3D), for outlines and tube paths."""
    control = np.array(points, dtype=float)
    padded = (
        np.concatenate([control[-1:], control, control[:2]])
        if closed
        else np.concatenate([2 * control[:1] - control[1:2], control, 2 * control[-1:] - control[-2:-1]])
    )
    num_spans = len(padded) - 3
    u = np.linspace(0, num_spans, num_points, endpoint=not closed)
    span = np.minimum(u.astype(int), num_spans - 1)
    t = (u - span)[:, None]
    p0, p1, p2, p3 = (padded[span + i] for i in range(4))
    curve = 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return [tuple(row) for row in curve.tolist()]


def arc(
    center: Vector, radius: float, start: float, end: float, *, plane: str = "xz", num_points: int = 16
) -> list[Vector]:
    """Corners along a circular arc from angle `start` to `end`, in a coordinate plane ("xy", "xz" or
    "yz").
    """
    first, second = ("xyz".index(letter) for letter in plane)
    path = []
    for angle in np.radians(np.linspace(start, end, num_points)):
        corner = list(center)
        corner[first] += radius * float(np.cos(angle))
        corner[second] += radius * float(np.sin(angle))
        path.append((corner[0], corner[1], corner[2]))
    return path
