"""Solids with a uniform surface sampler and an inside test, in local coordinates.

Every solid answers three questions: its surface area, n uniform surface points with outward normals, and
which points lie inside. That is all that is needed to turn a union of solids into a clean oriented point
cloud.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array

Points = Float[Array, "points 3"]


class Solid(Protocol):
    """A closed surface in local coordinates, around the origin."""

    @property
    def area(self) -> float: ...

    @property
    def thickness(self) -> float:
        """The smallest radius of the solid: surface splats are never larger than this."""
        ...

    def sample(self, num_points: int, rng: np.random.Generator) -> tuple[Points, Points]:
        """Points spread uniformly over the surface, and their outward unit normals."""
        ...

    def contains(self, points: Points) -> Bool[Array, "points"]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sphere:
    """A ball of radius 1; `Builder` scales it into ellipsoids."""

    @property
    def area(self) -> float:
        return 4 * np.pi

    @property
    def thickness(self) -> float:
        return 1.0

    def sample(self, num_points: int, rng: np.random.Generator) -> tuple[Points, Points]:
        normals = unit(rng.normal(size=(num_points, 3)))
        return normals, normals

    def contains(self, points: Points) -> Bool[Array, "points"]:
        return np.einsum("ij,ij->i", points, points) < 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundedBox:
    """An axis-aligned box with edges rounded by `radius` (0 keeps them sharp)."""

    size: tuple[float, float, float]
    radius: float = 0.0

    @property
    def area(self) -> float:
        x, y, z = self.size
        return 2 * (x * y + y * z + z * x)

    @property
    def thickness(self) -> float:
        return min(self.size) / 2

    def sample(self, num_points: int, rng: np.random.Generator) -> tuple[Points, Points]:
        half = np.array(self.size) / 2
        face_areas = np.array([half[1] * half[2], half[2] * half[0], half[0] * half[1]])
        axis = rng.choice(3, size=num_points, p=face_areas / face_areas.sum())
        sign = rng.choice([-1.0, 1.0], size=num_points)
        rows = np.arange(num_points)
        points = rng.uniform(-1, 1, size=(num_points, 3)) * half
        points[rows, axis] = sign * half[axis]
        normals = np.zeros_like(points)
        normals[rows, axis] = sign
        if self.radius > 0:
            core = np.clip(points, -(half - self.radius), half - self.radius)
            normals = unit(points - core)
            points = core + self.radius * normals
        return points, normals

    def contains(self, points: Points) -> Bool[Array, "points"]:
        half = np.array(self.size) / 2
        if self.radius == 0:
            return np.all(np.abs(points) < half, axis=1)
        outside = np.abs(points) - (half - self.radius)
        return np.einsum("ij,ij->i", np.maximum(outside, 0), np.maximum(outside, 0)) < self.radius**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Torus:
    """A ring around z: `radius` to the middle of the tube, which has radius `tube`."""

    radius: float
    tube: float

    @property
    def area(self) -> float:
        return 4 * np.pi**2 * self.radius * self.tube

    @property
    def thickness(self) -> float:
        return self.tube

    def sample(self, num_points: int, rng: np.random.Generator) -> tuple[Points, Points]:
        u = rng.uniform(0, 2 * np.pi, size=4 * num_points)
        weight = (self.radius + self.tube * np.cos(u)) / (self.radius + self.tube)
        u = u[rng.uniform(size=len(u)) < weight]
        u = np.resize(u, num_points)
        v = rng.uniform(0, 2 * np.pi, size=num_points)
        normals = np.stack([np.cos(u) * np.cos(v), np.cos(u) * np.sin(v), np.sin(u)], axis=1)
        centers = np.stack([np.cos(v), np.sin(v), np.zeros_like(v)], axis=1) * self.radius
        return centers + self.tube * normals, normals

    def contains(self, points: Points) -> Bool[Array, "points"]:
        ring = np.hypot(points[:, 0], points[:, 1]) - self.radius
        return ring**2 + points[:, 2] ** 2 < self.tube**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Lathe:
    """A closed (radius, z) outline revolved around z: cylinders, cones, bowls, bottles.

    The outline is closed by joining its last point to its first, so it may start and end on the axis or be
    a ring.
    """

    outline: Float[Array, "corners 2"]

    def _edges(self) -> tuple[Array, Array, Array]:
        start = self.outline
        end = np.roll(start, -1, axis=0)
        length = np.hypot(*(end - start).T)
        return start, end, np.pi * (start[:, 0] + end[:, 0]) * length

    @property
    def area(self) -> float:
        return float(self._edges()[2].sum())

    @property
    def thickness(self) -> float:
        start, end, areas = self._edges()
        volume = abs(
            np.sum((start[:, 0] * end[:, 1] - end[:, 0] * start[:, 1]) * (start[:, 0] + end[:, 0]))
            * np.pi
            / 3
        )
        return float(volume / areas.sum())

    def sample(self, num_points: int, rng: np.random.Generator) -> tuple[Points, Points]:
        start, end, areas = self._edges()
        edge = rng.choice(len(start), size=num_points, p=areas / areas.sum())
        r0, r1 = start[edge, 0], end[edge, 0]
        # Density along an edge grows with the radius: invert the quadratic cumulative distribution.
        u = rng.uniform(size=num_points)
        slope = r1 - r0
        flat = np.abs(slope) < 1e-9
        root = np.sqrt(np.maximum(r0**2 + u * (r1**2 - r0**2), 0))
        t = np.where(flat, u, (root - r0) / np.where(flat, 1, slope))
        radius = r0 + t * slope
        z = start[edge, 1] + t * (end[edge, 1] - start[edge, 1])
        angle = rng.uniform(0, 2 * np.pi, size=num_points)
        direction = end[edge] - start[edge]
        turn = np.sign(signed_area(self.outline))
        normal_r, normal_z = turn * direction[:, 1], -turn * direction[:, 0]
        normals = unit(np.stack([normal_r * np.cos(angle), normal_r * np.sin(angle), normal_z], axis=1))
        return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1), normals

    def contains(self, points: Points) -> Bool[Array, "points"]:
        return in_polygon(
            np.stack([np.hypot(points[:, 0], points[:, 1]), points[:, 2]], axis=1), self.outline
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prism:
    """A closed (x, z) outline extruded along y by `depth`, centred on y = 0."""

    outline: Float[Array, "corners 2"]
    depth: float

    @property
    def area(self) -> float:
        return 2 * abs(signed_area(self.outline)) + self.depth * float(edge_lengths(self.outline).sum())

    @property
    def thickness(self) -> float:
        return min(self.depth / 2, abs(signed_area(self.outline)) / float(edge_lengths(self.outline).sum()))

    def sample(self, num_points: int, rng: np.random.Generator) -> tuple[Points, Points]:
        cap_share = 2 * abs(signed_area(self.outline)) / self.area
        num_cap = int(rng.binomial(num_points, cap_share))
        flat = sample_polygon(self.outline, num_cap, rng)
        sign = rng.choice([-1.0, 1.0], size=num_cap)
        caps = np.stack([flat[:, 0], sign * self.depth / 2, flat[:, 1]], axis=1)
        cap_normals = np.stack([0 * sign, sign, 0 * sign], axis=1)
        lengths = edge_lengths(self.outline)
        edge = rng.choice(len(lengths), size=num_points - num_cap, p=lengths / lengths.sum())
        start, end = self.outline[edge], np.roll(self.outline, -1, axis=0)[edge]
        t = rng.uniform(size=(len(edge), 1))
        side = start + t * (end - start)
        depth = rng.uniform(-0.5, 0.5, size=len(edge)) * self.depth
        turn = np.sign(signed_area(self.outline))
        direction = end - start
        side_normals = unit(np.stack([turn * direction[:, 1], 0 * depth, -turn * direction[:, 0]], axis=1))
        sides = np.stack([side[:, 0], depth, side[:, 1]], axis=1)
        return np.concatenate([caps, sides]), np.concatenate([cap_normals, side_normals])

    def contains(self, points: Points) -> Bool[Array, "points"]:
        return (np.abs(points[:, 1]) < self.depth / 2) & in_polygon(points[:, [0, 2]], self.outline)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tube:
    """Balls swept along a polyline: rods, wires, legs, tails. One radius for each corner."""

    path: Float[Array, "corners 3"]
    radii: Float[Array, "corners"]

    @property
    def area(self) -> float:
        lengths = np.linalg.norm(np.diff(self.path, axis=0), axis=1)
        return (
            float(np.sum(np.pi * (self.radii[:-1] + self.radii[1:]) * lengths))
            + 4 * np.pi * self.radii[0] ** 2
        )

    @property
    def thickness(self) -> float:
        return float(self.radii.mean())

    def sample(self, num_points: int, rng: np.random.Generator) -> tuple[Points, Points]:
        points, normals = self._candidates(3 * num_points, rng)
        visible = ~self._inside(points, shrink=0.995)
        points, normals = points[visible], normals[visible]
        keep = np.resize(np.arange(len(points)), num_points)
        return points[keep], normals[keep]

    def _candidates(self, num_points: int, rng: np.random.Generator) -> tuple[Points, Points]:
        steps = np.diff(self.path, axis=0)
        lengths = np.linalg.norm(steps, axis=1)
        lateral = np.pi * (self.radii[:-1] + self.radii[1:]) * lengths
        balls = 4 * np.pi * self.radii**2
        weights = np.concatenate([lateral, balls])
        piece = rng.choice(len(weights), size=num_points, p=weights / weights.sum())
        normals = unit(rng.normal(size=(num_points, 3)))
        is_side = piece < len(lateral)
        segment = np.where(is_side, piece, 0)
        axis = steps[segment] / np.maximum(lengths[segment, None], 1e-9)
        around = unit(normals - np.einsum("ij,ij->i", normals, axis)[:, None] * axis)
        t = rng.uniform(size=num_points)
        corner = np.where(is_side, 0, piece - len(lateral))
        centers = np.where(
            is_side[:, None], self.path[segment] + t[:, None] * steps[segment], self.path[corner]
        )
        radius = np.where(
            is_side, self.radii[segment] * (1 - t) + self.radii[segment + 1] * t, self.radii[corner]
        )
        normals = np.where(is_side[:, None], around, normals)
        return centers + radius[:, None] * normals, normals

    def contains(self, points: Points) -> Bool[Array, "points"]:
        return self._inside(points, shrink=1.0)

    def _inside(self, points: Points, shrink: float) -> Bool[Array, "points"]:
        inside = np.zeros(len(points), dtype=bool)
        for i, step in enumerate(np.diff(self.path, axis=0)):
            offset = points - self.path[i]
            t = np.clip(offset @ step / max(float(step @ step), 1e-12), 0, 1)
            distance = np.linalg.norm(offset - t[:, None] * step, axis=1)
            inside |= distance < shrink * (self.radii[i] * (1 - t) + self.radii[i + 1] * t)
        return inside


def unit(vectors: Points) -> Points:
    """Vectors scaled to length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def signed_area(outline: Float[Array, "corners 2"]) -> float:
    """Area of a closed polygon, positive when its corners run counter-clockwise."""
    following = np.roll(outline, -1, axis=0)
    return float(np.sum(outline[:, 0] * following[:, 1] - following[:, 0] * outline[:, 1]) / 2)


def edge_lengths(outline: Float[Array, "corners 2"]) -> Float[Array, "corners"]:
    return np.linalg.norm(np.roll(outline, -1, axis=0) - outline, axis=1)


def in_polygon(points: Float[Array, "points 2"], outline: Float[Array, "corners 2"]) -> Bool[Array, "points"]:
    """Even-odd rule: a point is inside when a ray from it crosses the outline an odd number of times."""
    inside = np.zeros(len(points), dtype=bool)
    x, y = points[:, 0], points[:, 1]
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        crosses = (y0 > y) != (y1 > y)
        inside ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return inside


def sample_polygon(
    outline: Float[Array, "corners 2"], num_points: int, rng: np.random.Generator
) -> Float[Array, "points 2"]:
    """Uniform points inside a polygon, by rejection from its bounding box."""
    low, high = outline.min(axis=0), outline.max(axis=0)
    found: list[Array] = [np.zeros((0, 2))]
    while sum(map(len, found)) < num_points:
        trial = rng.uniform(low, high, size=(2 * num_points + 64, 2))
        found.append(trial[in_polygon(trial, outline)])
    return np.concatenate(found)[:num_points]
