"""The truth that mesh decoders learn: signs and distances around points of known shapes."""

import math

import torch
from torch import Tensor

from models.mesh.corner_field import corner_field
from models.mesh.extraction import extract
from models.sparse import VoxelGrid
from training.mesh_features import corner_rows
from training.surface_distance import MAX_DISTANCE, SIDE, SurfacePoints, SurfaceValues, surface_values
from training.voxels import voxel_indices

RESOLUTION = 16
FINE = 1 / (4 * RESOLUTION)  # a fine voxel's side


def around(positions: Tensor, normals: Tensor, radius: float) -> tuple[SurfaceValues, Tensor, Tensor]:
    """Values, the places where they hold [voxels, corners, 3], and the voxels."""
    points = SurfacePoints(
        positions=positions[None],
        normals=normals[None],
        radii=torch.full((1, len(positions)), radius),
        colors=(normals[None] + 1) / 2,
    )
    occupied = torch.unique(voxel_indices(positions, RESOLUTION), dim=0)
    coords = torch.cat([torch.zeros_like(occupied[:, :1]), occupied], dim=1)
    steps = torch.cartesian_prod(*[torch.arange(SIDE)] * 3)
    places = (4 * occupied[:, None] + steps) * FINE - 0.5
    return surface_values(points, coords, RESOLUTION), places, coords


def sphere_points(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.nn.functional.normalize(torch.randn(count, 3, generator=generator), dim=1)


def test_the_distance_to_a_sphere_is_the_radius_less() -> None:
    directions = sphere_points(4000)
    values, places, _ = around(0.2 * directions, directions, 0.0085)
    exact = ((places.norm(dim=-1) - 0.2) / FINE).clamp(-MAX_DISTANCE, MAX_DISTANCE)
    error = (values.distance - exact).abs()
    assert float((error > 0.25).float().mean()) < 0.02  # where random points leave a gap
    assert float(error.mean()) < 0.08
    clear = exact.abs() > 0.3
    assert bool(((values.distance < 0) == (exact < 0))[clear].all())
    near = exact.abs() < 1
    outward = torch.nn.functional.normalize(places, dim=-1)
    assert float((values.normals * outward).sum(-1)[near].min()) > 0.95
    assert float((values.colors - (outward + 1) / 2).abs()[near].max()) < 0.1


def test_a_rod_as_thin_as_a_fine_voxel_keeps_its_inside() -> None:
    generator = torch.Generator().manual_seed(0)
    angle, height = torch.rand(2, 3000, generator=generator)
    angle, radius = 2 * math.pi * angle, 0.75 * FINE
    normals = torch.stack([angle.cos(), angle.sin(), torch.zeros_like(angle)], dim=1)
    rod = radius * normals
    rod[:, 2] = 0.8 * height - 0.4
    values, places, _ = around(rod, normals, 0.5 * radius)
    middle = places[..., 2].abs() < 0.35
    from_axis = places[..., :2].norm(dim=-1)
    assert bool((values.distance[middle & (from_axis < 0.3 * radius)] < 0).all())
    assert bool((values.distance[middle & (from_axis > 1.4 * radius)] > 0).all())


def test_beyond_the_rim_of_a_thin_sheet_is_outside() -> None:
    generator = torch.Generator().manual_seed(0)
    flat = torch.rand(6000, 2, generator=generator) * 0.5 - 0.25
    side = torch.where(torch.arange(6000) % 2 == 0, 1.0, -1.0)[:, None]
    half = 0.6 * FINE
    sheet = torch.cat([flat, half * side], dim=1)  # no points on the rim
    normals = torch.cat([torch.zeros_like(flat), side], dim=1)
    values, places, _ = around(sheet, normals, 0.007)
    reach, height = places[..., :2].abs().amax(-1), places[..., 2].abs()
    assert bool((values.distance[reach > 0.25 + 1.5 * FINE] > 0).all())
    assert bool((values.distance[(reach < 0.24) & (height < 0.3 * half)] < 0).all())
    assert bool((values.distance[(reach < 0.24) & (height > 1.5 * half)] > 0).all())


def test_the_true_field_of_a_ball_gives_its_volume() -> None:
    directions = sphere_points(6000)
    radius = 1.6 / RESOLUTION  # small enough that its voxels leave no room inside
    values, _, coords = around(radius * directions, directions, 0.003)
    distance = values.distance[:, corner_rows(torch.device("cpu"))].flatten(0, 1)
    fine = VoxelGrid(coords).subdivided.subdivided.coords[:, 1:]
    feats = torch.cat([distance, torch.zeros(len(distance), 24 + 21)], dim=1)
    mesh = extract(corner_field(fine, feats, 4 * RESOLUTION))
    a, b, c = mesh.vertices[mesh.faces].unbind(1)
    volume = float((a * torch.linalg.cross(b, c)).sum() / 6)
    assert abs(volume / (4 / 3 * math.pi * radius**3) - 1) < 0.1
