"""The dual extraction once more: dense, in loops, without tables, for grids of a few cubes."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

EDGES = [(0, 1), (1, 5), (4, 5), (0, 4), (2, 3), (3, 7), (6, 7), (2, 6), (2, 0), (3, 1), (7, 5), (6, 4)]
Values = NDArray[np.float64]
Place = tuple[int, int, int]
Triangle = tuple[tuple[float, ...], ...]


def corner(k: int) -> Place:
    return (k & 1, k >> 1 & 1, k >> 2 & 1)


class DenseExtraction:
    """Values on all R^3 cubes and (R + 1)^3 vertices; `triangles` lists corners as (x, y, z, attributes)."""

    def __init__(self, coords: NDArray[np.int64], feats: Values, resolution: int) -> None:
        self.resolution = resolution
        side, num_attributes = resolution + 1, (feats.shape[1] - 53) // 8
        total = np.zeros((side, side, side, 4 + num_attributes))
        count = np.zeros((side, side, side, 1))
        self.weights = np.zeros((resolution, resolution, resolution, 21))
        for voxel, row in zip(coords, feats, strict=True):
            self.weights[tuple(voxel)] = row[32:53]
            for k in range(8):
                place = tuple(voxel + np.array(corner(k)))
                sdf, deformation = row[k] - 1 / resolution, row[8 + 3 * k : 11 + 3 * k]
                attributes = row[53 + num_attributes * k : 53 + num_attributes * (k + 1)]
                total[place] += np.concatenate([[sdf], deformation, attributes])
                count[place] += 1
        mean = total / np.maximum(count, 1)
        self.sdf = np.where(count[..., 0] > 0, mean[..., 0], 1.0)
        grid = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1)
        position = grid / resolution - 0.5 + np.tanh(mean[..., 1:4]) * (1 - 1e-8) / (2 * resolution)
        self.points = np.concatenate([position, 1 / (1 + np.exp(-mean[..., 4:]))], axis=-1)

    def triangles(self) -> list[Triangle]:
        found: list[Triangle] = []
        for axis in range(3):
            for low in np.ndindex(*[self.resolution + 1] * 3):
                if low[axis] < self.resolution:
                    found.extend(self._around((low[0], low[1], low[2]), axis))
        return found

    def _around(self, low: Place, axis: int) -> Iterator[Triangle]:
        """Triangles of the quad around the edge from a vertex along an axis."""
        high = list(low)
        high[axis] += 1
        inside = [self.sdf[low] < 0, self.sdf[tuple(high)] < 0]
        u, v = (other for other in range(3) if other != axis)
        if inside[0] == inside[1] or any(not 0 < low[w] < self.resolution for w in (u, v)):
            return
        ring = []
        for du, dv in ((1, 1), (1, 0), (0, 0), (0, 1)):  # once around, not in ascending order
            cube = list(low)
            cube[u] -= du
            cube[v] -= dv
            ends = {du << u | dv << v, du << u | dv << v | 1 << axis}
            edge = next(i for i, pair in enumerate(EDGES) if set(pair) == ends)
            ring.append(self._dual((cube[0], cube[1], cube[2]), edge))
        # The ring turns about -(u x v), which is -x, +y or -z; outward is from inside to outside.
        if inside[0] == (axis != 1):
            ring = [ring[3], ring[2], ring[1], ring[0]]
        (q0, g0), (q1, g1), (q2, g2), (q3, g3) = ring
        if g0 * g2 > g1 * g3:
            yield from ((q0, q1, q2), (q0, q2, q3))
        else:
            yield from ((q0, q1, q3), (q3, q1, q2))

    def _dual(self, cube: Place, edge: int) -> tuple[tuple[float, ...], float]:
        """The dual vertex of a cube that an edge belongs to, and the cube's weight."""
        raw = self.weights[cube]
        beta, alpha = np.tanh(raw[:12]) * 0.99 + 1, np.tanh(raw[12:20]) * 0.99 + 1
        edges = self._contour(self._occupied(cube), edge)
        if self._is_complemented(cube):
            edges = self._contour([not o for o in self._occupied(cube)], edge)
        total, weight = np.zeros(self.points.shape[3]), 0.0
        for e in edges:
            (wa, pa), (wb, pb) = (self._weighted(cube, k, alpha) for k in EDGES[e])
            total += beta[e] * (pa * wb - pb * wa) / (wb - wa)
            weight += beta[e]
        return tuple(total / weight), 1 / (1 + math.exp(-raw[20])) * 0.99 + 0.005

    def _weighted(self, cube: Place, k: int, alpha: Values) -> tuple[float, Values]:
        vertex = tuple(c + d for c, d in zip(cube, corner(k), strict=True))
        return self.sdf[vertex] * alpha[k], self.points[vertex]

    def _occupied(self, cube: Place) -> list[bool]:
        x, y, z = cube
        return [bool(self.sdf[x + dx, y + dy, z + dz] < 0) for dx, dy, dz in map(corner, range(8))]

    def _is_complemented(self, cube: Place) -> bool:
        direction = ambiguous_direction(self._occupied(cube))
        if direction is None:
            return False
        x, y, z = (c + d for c, d in zip(cube, direction, strict=True))
        inside = all(0 <= c < self.resolution for c in (x, y, z))
        return inside and ambiguous_direction(self._occupied((x, y, z))) is not None

    @staticmethod
    def _contour(occupied: list[bool], start: int) -> list[int]:
        """Crossed edges on one closed contour over the cube's faces, walked from face to face."""
        edges, face = [start], faces_of(start)[0]
        while True:
            edge = across(occupied, face, edges[-1])
            if edge == start:
                return edges
            edges.append(edge)
            face = next(f for f in faces_of(edge) if f != face)


def faces_of(edge: int) -> list[tuple[int, int]]:
    """The two faces, as axis and side, that share an edge."""
    a, b = map(corner, EDGES[edge])
    return [(axis, a[axis]) for axis in range(3) if a[axis] == b[axis]]


def perimeter(face: tuple[int, int]) -> list[int]:
    """Corners of a face, once around."""
    axis, side = face
    u, v = (other for other in range(3) if other != axis)
    return [side << axis | du << u | dv << v for du, dv in ((0, 0), (1, 0), (1, 1), (0, 1))]


def across(occupied: list[bool], face: tuple[int, int], edge: int) -> int:
    """Where a contour leaves a face: follow the perimeter over occupied corners to the next crossing."""
    around = perimeter(face)
    i, j = (around.index(k) for k in EDGES[edge])
    at, step = (i, i - j) if occupied[around[i]] else (j, j - i)
    step = step if abs(step) == 1 else -step // 3
    while occupied[around[(at + step) % 4]]:
        at += step
    ends = {around[at % 4], around[(at + step) % 4]}
    return next(i for i, pair in enumerate(EDGES) if set(pair) == ends)


def ambiguous_direction(occupied: list[bool]) -> Place | None:
    """Outward normal of the only ambiguous face of a cube with at least five occupied corners."""
    found = []
    for axis in range(3):
        for side in range(2):
            a, b, c, d = (occupied[k] for k in perimeter((axis, side)))
            if a == c != b == d:
                normal = [0, 0, 0]
                normal[axis] = 2 * side - 1
                found.append((normal[0], normal[1], normal[2]))
    return found[0] if len(found) == 1 and sum(occupied) >= 5 else None
