"""Which face covers which texel, and filling the texels that none covers."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from rendering.jit import kernel

UNOWNED = -1


def owners(
    corners: Float[np.ndarray, "faces 3 2"], side: int
) -> tuple[Int[np.ndarray, "side side"], Int[np.ndarray, " doubled"]]:
    """The face over each texel's centre (the first of several), and the faces that came too late somewhere.

    Args:
        corners: In texels; column x's centre is at x + 0.5. Neighbours that share an edge share no texel.
        side: Texels of the square texture along a side.
    """
    owner = np.full((side, side), UNOWNED, np.int32)
    doubled = np.zeros(len(corners), np.bool_)
    _rasterize(np.ascontiguousarray(corners, np.float64), owner, doubled)
    return owner, np.flatnonzero(doubled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Texels:
    """The covered texels of a texture.

    Attributes:
        owner: Face of every texel, `UNOWNED` where there is none.
        points: Where on the mesh each covered texel's centre lies, row by row.
        normals: Of unit length, interpolated between the vertices'.
    """

    owner: Int[np.ndarray, "side side"]
    points: Float[np.ndarray, "texels 3"]
    normals: Float[np.ndarray, "texels 3"]


def locate(
    vertices: Float[np.ndarray, "vertices 3"],
    normals: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    texels: Float[np.ndarray, "vertices 2"],
    side: int,
) -> Texels:
    """Every texel's place on a mesh whose vertices lie at `texels` in the texture."""
    owner, _ = owners(texels[faces], side)
    points, directions = _interpolate(
        np.ascontiguousarray(vertices, np.float32),
        np.ascontiguousarray(normals, np.float32),
        np.ascontiguousarray(texels, np.float32),
        np.ascontiguousarray(faces, np.int32),
        owner,
        int((owner != UNOWNED).sum()),
    )
    return Texels(owner=owner, points=points, normals=directions)


def dilate(texture: NDArray[np.uint8], owner: Int[np.ndarray, "side side"]) -> None:
    """Gives every texel without an owner the colour of a nearby one, in place: filters then see no seam."""
    _spread(texture, owner != UNOWNED)


@kernel()
def _rasterize(corners: NDArray[np.float64], owner: NDArray[np.int32], doubled: NDArray[np.bool_]) -> None:
    side = owner.shape[0]
    for f in range(len(corners)):
        (ax, ay), (bx, by), (cx, cy) = corners[f, 0], corners[f, 1], corners[f, 2]
        if (bx - ax) * (cy - ay) < (by - ay) * (cx - ax):  # mirrored: the other way round
            (bx, by), (cx, cy) = corners[f, 2], corners[f, 1]
        first_row = max(int(np.ceil(min(ay, by, cy) - 0.5)), 0)
        last_row = min(int(np.floor(max(ay, by, cy) - 0.5)), side - 1)
        first_column = max(int(np.ceil(min(ax, bx, cx) - 0.5)), 0)
        last_column = min(int(np.floor(max(ax, bx, cx) - 0.5)), side - 1)
        for row in range(first_row, last_row + 1):
            y = row + 0.5
            for column in range(first_column, last_column + 1):
                x = column + 0.5
                inside = _left_of(ax, ay, bx, by, x, y) and _left_of(bx, by, cx, cy, x, y)
                if not (inside and _left_of(cx, cy, ax, ay, x, y)):
                    continue
                if owner[row, column] == UNOWNED:
                    owner[row, column] = f
                else:
                    doubled[f] = True


@kernel()
def _left_of(ax: float, ay: float, bx: float, by: float, x: float, y: float) -> bool:
    """Whether a point lies left of an edge; on the edge of one of two opposite ones only, exactly."""
    if ax < bx or (ax == bx and ay < by):
        return (bx - ax) * (y - ay) - (by - ay) * (x - ax) >= 0
    return (ax - bx) * (y - by) - (ay - by) * (x - bx) < 0


@kernel()
def _interpolate(
    vertices: NDArray[np.float32],
    normals: NDArray[np.float32],
    texels: NDArray[np.float32],
    faces: NDArray[np.int32],
    owner: NDArray[np.int32],
    count: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    points, directions = np.empty((count, 3), np.float32), np.empty((count, 3), np.float32)
    i = 0
    for row in range(owner.shape[0]):
        for column in range(owner.shape[1]):
            f = owner[row, column]
            if f == UNOWNED:
                continue
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            ux, uy = float(texels[b, 0]) - texels[a, 0], float(texels[b, 1]) - texels[a, 1]
            vx, vy = float(texels[c, 0]) - texels[a, 0], float(texels[c, 1]) - texels[a, 1]
            x, y = column + 0.5 - texels[a, 0], row + 0.5 - texels[a, 1]
            area = ux * vy - uy * vx
            second = (x * vy - y * vx) / area if area != 0 else 0.0
            third = (ux * y - uy * x) / area if area != 0 else 0.0
            first = 1 - second - third
            squared = 0.0
            for axis in range(3):
                points[i, axis] = (
                    first * vertices[a, axis] + second * vertices[b, axis] + third * vertices[c, axis]
                )
                slope = first * normals[a, axis] + second * normals[b, axis] + third * normals[c, axis]
                directions[i, axis] = slope
                squared += slope * slope
            directions[i] /= max(np.sqrt(squared), 1e-20)
            i += 1
    return points, directions


@kernel()
def _spread(texture: NDArray[np.uint8], filled: NDArray[np.bool_]) -> None:
    side = filled.shape[0]
    queue = np.empty((side * side, 2), np.int32)
    end = 0
    for row in range(side):
        for column in range(side):
            if filled[row, column]:
                queue[end, 0], queue[end, 1] = row, column
                end += 1
    start = 0
    while start < end:
        row, column = queue[start]
        start += 1
        for step in range(4):
            r = row + (step == 0) - (step == 1)
            c = column + (step == 2) - (step == 3)
            if 0 <= r < side and 0 <= c < side and not filled[r, c]:
                filled[r, c] = True
                texture[r, c] = texture[row, column]
                queue[end, 0], queue[end, 1] = r, c
                end += 1
