"""The solid that an object's splats show: where they are dense, and what lies behind that.

    splats -> how clear each vertex of a grid is -> what a flood from outside does not reach is filled

A point is as clear as all splats together let light pass there, the product of 1 - opacity * falloff: so much
adds up in a picture too, and where it falls below a level the splats' outlines lie.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from models.gaussians.gaussians import Gaussians
from rendering.jit import kernel
from rendering.projection_kernels import covariances

CELLS = 224  # along the longest side, about as many as the mesh decoder has
REACH = 3.0  # standard deviations
GAP_CELLS = 2  # a gap up to twice as wide is closed where it leads into a hollow
MAX_ALPHA = 0.99
CLEAR, SOLID = 4.0, -4.0  # values where there is nothing, and where all is filled
BORDER = 2 + GAP_CELLS  # empty cells all around
UNKNOWN, WALL, OUTSIDE = 0, 1, 2  # states of a vertex


@dataclass(frozen=True, slots=True, kw_only=True)
class SolidField:
    """A field on a grid's vertices, negative inside.

    Attributes:
        values: Logarithm of the level's density over the density, which is -log(clearness).
        origin: Place of the first vertex.
        cell: Between neighbouring vertices, world units.
    """

    values: Float[np.ndarray, "x y z"]
    origin: Float[np.ndarray, " 3"]
    cell: float


def solid_field(splats: Gaussians, level: float) -> SolidField:
    """The solid of splats, with its hollows filled.

    Args:
        splats: At least one.
        level: Density at the surface, positive.
    """
    means = splats.means.double().cpu().numpy()
    spread = covariances(*(v.float().cpu().contiguous().numpy() for v in (splats.scales, splats.quats_wxyz)))
    reach = REACH * np.sqrt(spread[:, [0, 3, 5]].astype(np.float64))
    low, high = (means - reach).min(axis=0), (means + reach).max(axis=0)
    cell = float((high - low).max()) / CELLS
    margin = BORDER * cell
    origin = low - margin
    shape = np.ceil((high - low + 2 * margin) / cell).astype(int) + 1
    grid = np.ones(shape, np.float32)
    shade(means, spread, splats.opacities.double().cpu().numpy(), origin, cell, grid)
    state = (grid < math.exp(-level)).astype(np.uint8)
    fill(state, GAP_CELLS)
    to_values(grid, state, level)
    return SolidField(values=grid, origin=origin, cell=cell)


@kernel()
def shade(
    means: NDArray[np.float64],
    spread: NDArray[np.float32],
    opacities: NDArray[np.float64],
    origin: NDArray[np.float64],
    cell: float,
    grid: NDArray[np.float32],
) -> None:
    """Multiplies the grid's vertices within `REACH` of each splat by 1 - opacity * falloff."""
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    blur = (0.3 * cell) ** 2  # so that a splat thinner than a cell meets a vertex
    for i in range(len(means)):
        xx, xy, xz = spread[i, 0] + blur, float(spread[i, 1]), float(spread[i, 2])
        yy, yz, zz = spread[i, 3] + blur, float(spread[i, 4]), spread[i, 5] + blur
        a, b, c = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
        det = xx * a + xy * b + xz * c
        d, e, f = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
        a, b, c, d, e, f = a / det, b / det, c / det, d / det, e / det, f / det
        for axis in range(3):
            reach = REACH * math.sqrt(xx if axis == 0 else yy if axis == 1 else zz)
            place = means[i, axis] - origin[axis]
            first[axis] = max(math.ceil((place - reach) / cell), 0)
            last[axis] = min(int((place + reach) / cell), grid.shape[axis] - 1)
        for x in range(first[0], last[0] + 1):
            dx = origin[0] + x * cell - means[i, 0]
            for y in range(first[1], last[1] + 1):
                dy = origin[1] + y * cell - means[i, 1]
                line = grid[x, y]
                flat, slope = a * dx * dx + 2 * b * dx * dy + d * dy * dy, 2 * (c * dx + e * dy)
                for z in range(first[2], last[2] + 1):
                    dz = origin[2] + z * cell - means[i, 2]
                    squared = flat + dz * (slope + f * dz)
                    if squared < REACH * REACH:
                        alpha = min(opacities[i] * math.exp(-0.5 * squared), MAX_ALPHA)
                        line[z] *= np.float32(1.0 - alpha)


@kernel()
def to_values(grid: NDArray[np.float32], state: NDArray[np.uint8], level: float) -> None:
    """Turns clearness into a field's values, in place."""
    flat, states = grid.reshape(-1), state.reshape(-1)
    for i in range(len(flat)):
        value = CLEAR
        if flat[i] < 1.0:
            value = min(max(math.log(level / -math.log(max(flat[i], 1e-30))), SOLID), CLEAR)
        flat[i] = value if states[i] == OUTSIDE or value < 0 else SOLID


@kernel()
def fill(state: NDArray[np.uint8], gap: int) -> None:
    """Marks as `OUTSIDE` what a ball of `gap` cells (a diamond) reaches from the first vertex without a wall.

    Args:
        state: [x, y, z], `WALL` or `UNKNOWN`; its outermost layers hold no wall.
        gap: In cells; a flood goes only where no wall is so near.
    """
    thick = state.copy()
    for _ in range(gap):
        _grow(thick, WALL, UNKNOWN)
    _flood(thick)
    for _ in range(gap):
        _grow(thick, OUTSIDE, WALL)
    flat, grown = state.reshape(-1), thick.reshape(-1)
    for i in range(len(flat)):
        if flat[i] == UNKNOWN and grown[i] == OUTSIDE:
            flat[i] = OUTSIDE


@kernel()
def _grow(state: NDArray[np.uint8], what: int, into: int) -> None:
    """Gives vertices beside those that are `what` the same, if they are `into`."""
    nx, ny, nz = state.shape
    before = state.copy()
    for x in range(1, nx - 1):
        for y in range(1, ny - 1):
            for z in range(1, nz - 1):
                if before[x, y, z] == into and (
                    before[x - 1, y, z] == what
                    or before[x + 1, y, z] == what
                    or before[x, y - 1, z] == what
                    or before[x, y + 1, z] == what
                    or before[x, y, z - 1] == what
                    or before[x, y, z + 1] == what
                ):
                    state[x, y, z] = what


@kernel()
def _flood(state: NDArray[np.uint8]) -> None:
    """Marks every unknown vertex that has a way to the first one, in waves."""
    nx, ny, nz = state.shape
    flat = state.reshape(-1)
    flat[0] = OUTSIDE
    wave, count = np.zeros(1, np.int64), 1
    while count > 0:
        following, end = np.empty(6 * count, np.int64), 0
        for i in range(count):
            at = wave[i]
            z, y, x = at % nz, at // nz % ny, at // (nz * ny)
            for axis in range(3):
                place, length, step = (
                    (x, nx, nz * ny) if axis == 0 else (y, ny, nz) if axis == 1 else (z, nz, 1)
                )
                if place > 0 and flat[at - step] == UNKNOWN:
                    flat[at - step] = OUTSIDE
                    following[end] = at - step
                    end += 1
                if place < length - 1 and flat[at + step] == UNKNOWN:
                    flat[at + step] = OUTSIDE
                    following[end] = at + step
                    end += 1
        wave, count = following, end
