"""Surfaces with known shapes and colours, as a decoder would hand them over."""

import numpy as np
import torch
from torch import Tensor

from export.meshes.surface import Surface, surface_of
from models.mesh.corner_field import CornerField, grid_coords
from models.mesh.extraction import extract

RESOLUTION = 96


def colors_of(points: np.ndarray) -> np.ndarray:
    """Red where x is positive and blue elsewhere in "trellis" space, brighter towards the top, +z."""
    red = np.array([0.85, 0.15, 0.1])
    blue = np.array([0.1, 0.2, 0.85])
    share = 1 / (1 + np.exp(-points[:, :1] * 100.0))
    colors: np.ndarray = (red * share + blue * (1 - share)) * (0.7 + 0.6 * points[:, 2:])
    return colors.clip(0.02, 0.98)


def surface_where(distance: Tensor, resolution: int = RESOLUTION) -> Surface:
    """The surface of a field given at the grid's vertices, painted with `colors_of`."""
    keys = torch.arange((resolution + 1) ** 3)
    points = grid_coords(keys, resolution + 1) / resolution - 0.5
    field = CornerField(
        resolution=resolution,
        vertex_keys=keys,
        sdf=distance,
        deformation=torch.zeros(len(keys), 3),
        attributes=torch.logit(torch.from_numpy(colors_of(points.numpy())).float()),
        cube_keys=torch.arange(0),
        weights=torch.zeros(0, 21),
    )
    return surface_of(extract(field))


def grid_points(resolution: int = RESOLUTION) -> Tensor:
    """Positions of the grid's vertices."""
    return grid_coords(torch.arange((resolution + 1) ** 3), resolution + 1) / resolution - 0.5


def torus(center: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Tensor:
    """Distances to a ring around z, 0.37 in all from the centre, 0.11 thick."""
    points = grid_points() - torch.tensor(center)
    ring = torch.linalg.vector_norm(points[:, :2], dim=1) - 0.26
    return torch.hypot(ring, points[:, 2]) - 0.11


def ball(radius: float, center: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Tensor:
    """Distances to a ball."""
    distance: Tensor = torch.linalg.vector_norm(grid_points() - torch.tensor(center), dim=1)
    return distance - radius
