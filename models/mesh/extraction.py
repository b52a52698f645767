"""Dual extraction of a surface from a signed distance (FlexiCubes, Shen et al. 2023, its inference path).

    field -> crossed cubes -> their dual vertices -> a quad around each crossed edge of the grid -> triangles

A dual vertex is the weighted mean of the places where the surface crosses its edges.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.mesh.corner_field import CornerField, grid_keys
from models.mesh.cube_tables import EDGES, CubeTables, cube_tables, edge_from
from models.mesh.mesh import Mesh
from models.mesh.surface_cubes import SurfaceCubes, find, surface_cubes

# Of the four cubes around an edge, in ascending order: is it the lower one along the two other axes?
AROUND = ((1, 1), (1, 0), (0, 1), (0, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Duals:
    """Dual vertices, cube by cube.

    `points` are position and attributes, `first` is the number of each cube's first one.
    """

    points: Float[Tensor, "duals values"]
    cube: Int[Tensor, " duals"]
    first: Int[Tensor, " cubes"]


def extract(field: CornerField) -> Mesh:
    """The surface where the field changes its sign; a mesh without faces if it does not.

    The surface is closed unless it reaches the border of the grid, where it has a hole.
    """
    tables = cube_tables().to(field.sdf.device)
    cubes = surface_cubes(field, tables)
    duals = _dual_vertices(cubes, tables)
    faces = [_faces_around(axis, cubes, duals, tables, field.resolution) for axis in range(3)]
    return Mesh(
        vertices=duals.points[:, :3].contiguous(),
        faces=torch.cat(faces),
        attributes=duals.points[:, 3:].contiguous(),
    )


def _dual_vertices(cubes: SurfaceCubes, tables: CubeTables) -> _Duals:
    count = tables.num_components[cubes.case]
    first = count.cumsum(0) - count
    cube = torch.arange(len(count), device=count.device).repeat_interleave(count)
    component = torch.arange(len(cube), device=count.device) - first[cube]
    edges = tables.component[cubes.case[cube]]
    total = cubes.values.new_zeros(len(cube), cubes.values.shape[1])
    weight = cubes.values.new_zeros(len(cube), 1)
    for edge in range(len(EDGES)):
        # Each dual vertex at most once, so that nothing is added atomically.
        rows = (edges[:, edge] == component).nonzero()[:, 0]
        beta = cubes.edge_weights[cube[rows], edge, None]
        total.index_add_(0, rows, beta * _crossing(cubes, cube[rows], edge))
        weight.index_add_(0, rows, beta)
    return _Duals(points=total / weight, cube=cube, first=first)


def _crossing(cubes: SurfaceCubes, rows: Tensor, edge: int) -> Tensor:
    """Position and attributes where the weighted distance along an edge is zero."""
    a, b = EDGES[edge]
    at_a, at_b = (cubes.sdf[rows, c, None] * cubes.corner_weights[rows, c, None] for c in (a, b))
    return (cubes.points(rows, a) * at_b - cubes.points(rows, b) * at_a) / (at_b - at_a)


def _faces_around(
    axis: int, cubes: SurfaceCubes, duals: _Duals, tables: CubeTables, resolution: int
) -> Int[Tensor, "faces 3"]:
    """Two triangles for each crossed edge along an axis that has four cubes around it.

    An edge is met at the highest of its cubes, whose lowest corner it starts from.
    """
    across = [other for other in range(3) if other != axis]
    own_edge = edge_from(0, axis)
    crossed = tables.component[cubes.case, own_edge] >= 0
    highest = (crossed & (cubes.coords[:, across] > 0).all(dim=1)).nonzero()[:, 0]
    cube = torch.empty(len(highest), 4, dtype=torch.long, device=highest.device)
    vertex = torch.empty_like(cube)
    for i, lower in enumerate(AROUND):
        place = cubes.coords[highest]
        place[:, across] -= torch.tensor(lower, device=place.device)
        cube[:, i] = find(cubes.keys, grid_keys(place, resolution))
        corner = sum(step << other for step, other in zip(lower, across, strict=True))
        component = tables.component[cubes.case[cube[:, i]], edge_from(corner, axis)]
        vertex[:, i] = duals.first[cube[:, i]] + component
    outward = cubes.sdf[highest, EDGES[own_edge][0]] > 0
    return _triangles(vertex, cubes.diagonal_weight[cube], outward)


def _triangles(
    vertex: Int[Tensor, "quads 4"], weight: Float[Tensor, "quads 4"], outward: Tensor
) -> Int[Tensor, "faces 3"]:
    """Splits quads, given in ascending order of their cubes, along the diagonal of greater weight."""
    forth = torch.tensor([0, 1, 3, 2], device=vertex.device)
    back = torch.tensor([2, 3, 1, 0], device=vertex.device)
    ring = torch.where(outward[:, None], forth, back)
    q, g = vertex.gather(1, ring), weight.gather(1, ring)
    first = torch.tensor([[0, 1, 2], [0, 2, 3]], device=q.device)
    second = torch.tensor([[0, 1, 3], [3, 1, 2]], device=q.device)
    along_first = g[:, 0] * g[:, 2] > g[:, 1] * g[:, 3]
    return torch.where(along_first[:, None, None], q[:, first], q[:, second]).flatten(0, 1)
