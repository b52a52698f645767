"""Curves, orientations and faceted solids that many kinds share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from training.objects.builder import Builder, Outline, Vector, smooth
from training.objects.solids import Points, in_polygon, signed_area, unit

Corners = Float[np.ndarray, "corners 2"]


def outline(points: Outline, num_points: int = 32, *, closed: bool = False) -> list[tuple[float, float]]:
    """A smooth 2D curve through the points, for `Builder.prism` and `Builder.lathe`."""
    return [(corner[0], corner[1]) for corner in smooth(points, num_points, closed=closed)]


def path(points: Sequence[Vector], num_points: int = 16) -> list[Vector]:
    """A smooth 3D curve through the points, for `Builder.tube`."""
    return [(corner[0], corner[1], corner[2]) for corner in smooth(points, num_points)]


def star(radii: Sequence[float], num_corners: int, start: float = 90.0) -> list[tuple[float, float]]:
    """A polygon whose corners take the radii in turn: one radius is a regular polygon, two a star."""
    angles = np.radians(start + np.arange(num_corners) * 360 / num_corners)
    lengths = np.resize(np.array(radii, dtype=float), num_corners)
    return [(float(r * np.cos(a)), float(r * np.sin(a))) for r, a in zip(lengths, angles, strict=True)]


def around(angle: float, radius: float, z: float = 0.0) -> Vector:
    """The point at an angle (degrees from +x towards +y) and a distance around the z axis."""
    return (float(radius * np.cos(np.radians(angle))), float(radius * np.sin(np.radians(angle))), z)


def orient(along: Sequence[float], normal: Sequence[float]) -> Vector:
    """Angles for `rotate` that take local x to `along` and local z as near as they can to `normal`."""
    first = unit(np.array([along], dtype=float))[0]
    third = np.array(normal, dtype=float) - np.dot(normal, first) * first
    third = unit(third[None])[0]
    second = np.cross(third, first)
    about_y = -np.degrees(np.arcsin(np.clip(first[2], -1, 1)))
    return (
        float(np.degrees(np.arctan2(second[2], third[2]))),
        float(about_y),
        float(np.degrees(np.arctan2(first[1], first[0]))),
    )


def beside(curve: Sequence[Vector], angle: float, distances: float | Sequence[float]) -> list[Vector]:
    """A curve in the xz plane moved sideways, at an angle around its own direction (0 is towards -y)."""
    points = np.array(curve)
    tangents = unit(np.gradient(points, axis=0))
    normals = np.stack([-tangents[:, 2], 0 * tangents[:, 1], tangents[:, 0]], axis=1)
    away = np.sin(np.radians(angle)) * normals + np.cos(np.radians(angle)) * np.array([0.0, -1.0, 0.0])
    lengths = np.resize(np.array(distances, dtype=float), len(points))
    return [(float(x), float(y), float(z)) for x, y, z in points + lengths[:, None] * away]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """A closed (radius, z) outline revolved around z in flat sides, a corner towards +x: gems, blades.

    Radii are those of the corners. With 4 sides and a flat scale it is a blade of diamond section.
    """

    outline: Corners
    sides: int

    def _edges(self) -> tuple[Corners, Corners, Float[np.ndarray, " corners"]]:
        shrink = np.array([np.cos(np.pi / self.sides), 1.0])
        start = self.outline * shrink
        end = np.roll(start, -1, axis=0)
        width = (start[:, 0] + end[:, 0]) * np.tan(np.pi / self.sides)
        return start, end, self.sides * width * np.hypot(*(end - start).T)

    @property
    def area(self) -> float:
        return float(self._edges()[2].sum())

    @property
    def thickness(self) -> float:
        start, end, areas = self._edges()
        share = (start[:, 0] * end[:, 1] - end[:, 0] * start[:, 1]) * (start[:, 0] + end[:, 0])
        volume = self.sides * np.tan(np.pi / self.sides) * abs(float(share.sum())) / 3
        return float(volume / areas.sum())

    def sample(self, num_points: int, rng: np.random.Generator) -> tuple[Points, Points]:
        start, end, areas = self._edges()
        edge = rng.choice(len(start), size=num_points, p=areas / areas.sum())
        r0, r1 = start[edge, 0], end[edge, 0]
        # As in Lathe: the width of a face grows with the radius.
        u = rng.uniform(size=num_points)
        flat = np.abs(r1 - r0) < 1e-9
        root = np.sqrt(np.maximum(r0**2 + u * (r1**2 - r0**2), 0))
        t = np.where(flat, u, (root - r0) / np.where(flat, 1, r1 - r0))
        apothem = r0 + t * (r1 - r0)
        lateral = apothem * np.tan(np.pi / self.sides) * rng.uniform(-1, 1, size=num_points)
        angle = (rng.integers(self.sides, size=num_points) + 0.5) * 2 * np.pi / self.sides
        cos, sin = np.cos(angle), np.sin(angle)
        z = start[edge, 1] + t * (end[edge, 1] - start[edge, 1])
        points = np.stack([apothem * cos - lateral * sin, apothem * sin + lateral * cos, z], axis=1)
        direction = (end - start)[edge] * np.sign(signed_area(self.outline))
        return points, unit(
            np.stack([direction[:, 1] * cos, direction[:, 1] * sin, -direction[:, 0]], axis=1)
        )

    def contains(self, points: Points) -> Bool[np.ndarray, " points"]:
        sector = 2 * np.pi / self.sides
        offset = np.arctan2(points[:, 1], points[:, 0]) % sector - sector / 2
        corner = np.hypot(points[:, 0], points[:, 1]) * np.cos(offset) / np.cos(sector / 2)
        return in_polygon(np.stack([corner, points[:, 2]], axis=1), self.outline)


def facets(
    b: Builder,
    part: str,
    profile: Outline,
    sides: int,
    *,
    at: Vector = (0, 0, 0),
    rotate: Vector = (0, 0, 0),
    scale: Vector = (1, 1, 1),
    tone: float = 1.0,
) -> None:
    """Adds `Facets`: like `Builder.lathe`, with flat sides."""
    solid = Facets(outline=np.array(profile, dtype=float), sides=sides)
    b.add(solid, part, at=at, rotate=rotate, scale=scale, tone=tone)


def leaf(
    b: Builder,
    part: str,
    curve: Sequence[Vector],
    widths: Sequence[float],
    normal: Vector,
    *,
    thickness: float = 0.022,
    tone: float = 1.0,
) -> None:
    """A bent leaf: flat ellipsoids along a curve, a width for each of its spans, with a darker midrib."""
    for start, end, width in zip(curve[:-1], curve[1:], widths, strict=True):
        along = np.subtract(end, start)
        x, y, z = (np.add(start, end) / 2).tolist()
        radii = (1.15 * float(np.linalg.norm(along)), width, thickness)
        b.ellipsoid(part, radii, at=(x, y, z), rotate=orient(along.tolist(), normal), tone=tone)
    lift = 0.6 * thickness * unit(np.array([normal], dtype=float))[0]
    rib = [(x + float(lift[0]), y + float(lift[1]), z + float(lift[2])) for x, y, z in curve]
    b.tube(part, rib, np.linspace(0.02, 0.013, len(curve)).tolist(), tone=0.8 * tone)
