"""The cubes that a surface crosses, and what is known at their corners."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from models.mesh.corner_field import CornerField, corner_offsets, grid_coords, grid_keys, marked_keys
from models.mesh.cube_tables import CORNERS, CubeTables

REACH = 1 - 1e-8  # of a vertex's displacement, in half cubes
OUTSIDE = 1.0  # signed distance of vertices that are not listed
EMPTY, FULL = 0, 255  # cases that nothing crosses


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceCubes:
    """Cubes with 1 to 7 corners inside, in ascending order of their keys.

    Attributes:
        keys: Place in the grid as (x * R + y) * R + z.
        coords: The same as (x, y, z).
        case: Which corners are inside, with the complement taken where `CubeTables` asks for it.
        sdf: Signed distance at the corners.
        vertex: Row of `values` that each corner has.
        values: Displacement in the world and attributes (0 to 1) of vertices.
        resolution: Cubes along the grid.
        edge_weights: Positive weight of each edge.
        corner_weights: Positive factors on the signed distances.
        diagonal_weight: Decides which diagonal splits a quad.
    """

    keys: Int[Tensor, " cubes"]
    coords: Int[Tensor, "cubes 3"]
    case: Int[Tensor, " cubes"]
    sdf: Float[Tensor, "cubes 8"]
    vertex: Int[Tensor, "cubes 8"]
    values: Float[Tensor, "vertices values"]
    resolution: int
    edge_weights: Float[Tensor, "cubes 12"]
    corner_weights: Float[Tensor, "cubes 8"]
    diagonal_weight: Float[Tensor, " cubes"]

    def points(self, rows: Int[Tensor, " some"], corner: int) -> Float[Tensor, "some values"]:
        """World position and attributes at a corner of some cubes, what a dual vertex interpolates."""
        values = self.values[self.vertex[rows, corner]]
        places = self.coords[rows] + torch.tensor(CORNERS[corner], device=rows.device)
        values[:, :3] += places.to(values.dtype) / self.resolution - 0.5
        return values


def surface_cubes(field: CornerField, tables: CubeTables) -> SurfaceCubes:
    """Only listed vertices can be inside, so the cubes around those that are contain all crossed ones."""
    resolution, device = field.resolution, field.sdf.device
    keys = _cubes_around(field.vertex_keys[field.sdf < 0], resolution)
    coords = grid_coords(keys, resolution)
    corners = grid_keys(coords, resolution + 1)[:, None] + corner_offsets(resolution + 1, device)
    vertex = find(field.vertex_keys, corners)
    sdf = padded(field.sdf[:, None], OUTSIDE)[vertex, 0]
    case = ((sdf < 0) << torch.arange(8, device=device)).sum(dim=1)
    crossed = ((case != EMPTY) & (case != FULL)).nonzero()[:, 0]
    keys, coords, vertex = keys[crossed], coords[crossed], vertex[crossed]
    beta, alpha, gamma = _cube_weights(field, keys)
    return SurfaceCubes(
        keys=keys,
        coords=coords,
        case=_manifold_cases(case[crossed], keys, coords, tables, resolution),
        sdf=sdf[crossed],
        vertex=vertex.int(),
        values=_values(field),
        resolution=resolution,
        edge_weights=beta,
        corner_weights=alpha,
        diagonal_weight=gamma,
    )


def find(sorted_keys: Int[Tensor, " keys"], wanted: Int[Tensor, "*batch"]) -> Int[Tensor, "*batch"]:
    """Row of each wanted key; the row past the end where there is none."""
    if len(sorted_keys) == 0:
        return torch.zeros_like(wanted)
    found = torch.searchsorted(sorted_keys, wanted).clamp(max=len(sorted_keys) - 1)
    return torch.where(sorted_keys[found] == wanted, found, len(sorted_keys))


def padded(values: Shaped[Tensor, "rows values"], fill: float) -> Shaped[Tensor, "rows+1 values"]:
    """One row more, for what `find` does not find."""
    return torch.cat([values, values.new_full((1, values.shape[1]), fill)])


def _cubes_around(vertex_keys: Tensor, resolution: int) -> Tensor:
    """Keys of the cubes inside the grid that touch a vertex, ascending."""
    vertices = grid_coords(vertex_keys, resolution + 1)

    def touching() -> Iterator[Tensor]:
        for corner in torch.tensor(CORNERS, device=vertex_keys.device):
            coords = vertices - corner
            yield grid_keys(coords[((coords >= 0) & (coords < resolution)).all(dim=1)], resolution)

    return marked_keys(resolution**3, touching(), vertex_keys.device)


def _cube_weights(field: CornerField, keys: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Activated weights of edges and corners, 0.01 to 1.99, and of the diagonals, 0.005 to 0.995."""
    cube_keys, order = torch.sort(field.cube_keys)
    row = find(cube_keys, keys)
    raw = padded(field.weights, 0)[padded(order[:, None], len(order))[row, 0]]
    beta, alpha, gamma = torch.split(raw, [12, 8, 1], dim=1)
    return (
        torch.tanh(beta) * 0.99 + 1,
        torch.tanh(alpha) * 0.99 + 1,
        (torch.sigmoid(gamma) * 0.99 + 0.005)[:, 0],
    )


def _values(field: CornerField) -> Tensor:
    """Displacement in the world and attributes (0 to 1) of the listed vertices, and of one that is not."""
    displacement = torch.tanh(padded(field.deformation, 0)) * (REACH / (2 * field.resolution))
    return torch.cat([displacement, torch.sigmoid(padded(field.attributes, 0))], dim=1)


def _manifold_cases(
    case: Tensor, keys: Tensor, coords: Tensor, tables: CubeTables, resolution: int
) -> Tensor:
    """Takes the complement where a flagged cube's neighbour across its ambiguous face is flagged as well."""
    direction = tables.flagged_direction[case]
    flagged = direction.any(dim=1)
    across = coords + direction
    inside = ((across >= 0) & (across < resolution)).all(dim=1)
    neighbour = find(keys, grid_keys(across, resolution))
    both = flagged & inside & padded(flagged[:, None], 0)[neighbour, 0]
    return torch.where(both, FULL - case, case)
