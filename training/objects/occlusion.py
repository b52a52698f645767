"""Baked light: a soft key light from the upper front right, and ambient occlusion from the object's own
occupancy.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

KEY_LIGHT = np.array([0.35, -0.55, 0.76])
AMBIENT = 0.66
OCCLUSION_STRENGTH = 0.45
GRID = 48
PROBE_DISTANCES = (0.06, 0.10, 0.15)


def baked_shade(
    positions: Float[Array, "points 3"], normals: Float[Array, "points 3"]
) -> Float[Array, "points"]:
    """Brightness of each surface point, about 0.4 to 1."""
    lambert = np.clip(normals @ KEY_LIGHT, -0.4, 1.0)
    return (AMBIENT + (1 - AMBIENT) * lambert) * (1 - OCCLUSION_STRENGTH * _occlusion(positions, normals))


def _occlusion(positions: Array, normals: Array) -> Array:
    """Share of nearby space in front of each point that the object itself fills, 0 to 1."""
    occupied = np.zeros((GRID + 2,) * 3, dtype=np.float32)
    occupied[tuple(_cells(positions).T)] = 1.0
    density = _box_blur(occupied)
    probes = [density[tuple(_cells(positions + distance * normals).T)] for distance in PROBE_DISTANCES]
    return np.clip(np.mean(probes, axis=0) / 0.45, 0, 1)


def _cells(positions: Array) -> Array:
    return np.clip(((positions + 0.5) * GRID).astype(int) + 1, 0, GRID + 1)


def _box_blur(grid: Array) -> Array:
    for axis in range(3):
        grid = (np.roll(grid, 1, axis) + grid + np.roll(grid, -1, axis)) / 3
    return grid
