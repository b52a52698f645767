"""Extraction against shapes with known surfaces and a dense implementation."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import pytest
import torch
from torch import Tensor

from models.conformance.meshes import mesh_checks
from models.conformance.report import Status
from models.mesh.corner_field import CornerField, corner_field, grid_coords, num_channels
from models.mesh.cube_tables import EDGES, cube_tables
from models.mesh.extraction import extract
from models.mesh.mesh import Mesh
from tests.models.mesh.dense_extraction import DenseExtraction
from tests.models.small_models import random_voxels

RESOLUTION = 32


def field_of(distance: Callable[[Tensor], Tensor], resolution: int = RESOLUTION) -> CornerField:
    """A distance function of positions, on a whole grid, with neutral weights."""
    keys = torch.arange((resolution + 1) ** 3)
    positions = grid_coords(keys, resolution + 1) / resolution - 0.5
    return CornerField(
        resolution=resolution,
        vertex_keys=keys,
        sdf=distance(positions),
        deformation=torch.zeros(len(keys), 3),
        attributes=torch.logit(positions + 0.5, eps=1e-6),
        cube_keys=torch.arange(0),
        weights=torch.zeros(0, 21),
    )


def sphere(positions: Tensor, radius: float = 0.4) -> Tensor:
    distance: Tensor = torch.linalg.vector_norm(positions, dim=1)
    return distance - radius


def torus(positions: Tensor) -> Tensor:
    ring = torch.linalg.vector_norm(positions[:, :2], dim=1) - 0.28
    return torch.hypot(ring, positions[:, 2]) - 0.16


def shell(positions: Tensor) -> Tensor:
    return sphere(positions, 0.35).abs() - 0.06


def noise(positions: Tensor) -> Tensor:
    """Random inside, outside at the border of the grid."""
    values = torch.randn(len(positions), generator=torch.Generator().manual_seed(3))
    return torch.where(positions.abs().amax(dim=1) > 0.49, 1.0, values)


def directed_edges(mesh: Mesh) -> Counter[tuple[int, int]]:
    edges = torch.cat([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    return Counter((a, b) for a, b in edges.tolist())


def euler_number(mesh: Mesh) -> int:
    edges = {frozenset(edge) for edge in directed_edges(mesh)}
    return mesh.num_vertices - len(edges) + mesh.num_faces


def volume(mesh: Mesh) -> float:
    a, b, c = mesh.vertices[mesh.faces].double().unbind(dim=1)
    return float((a * torch.linalg.cross(b, c)).sum() / 6)


def random_object(
    count: int, resolution: int, num_attributes: int = 6, seed: int = 0
) -> tuple[Tensor, Tensor]:
    coords = random_voxels(count, box=(resolution, resolution, resolution), seed=seed)[:, 1:]
    generator = torch.Generator().manual_seed(seed)
    return coords, torch.randn(count, num_channels(num_attributes), generator=generator).double()


@pytest.mark.parametrize(
    ("distance", "euler", "expected_volume"),
    [
        (sphere, 2, 4 / 3 * math.pi * 0.4**3),
        (torus, 0, 2 * math.pi**2 * 0.28 * 0.16**2),
        (shell, 4, 4 / 3 * math.pi * (0.41**3 - 0.29**3)),
    ],
    ids=["sphere", "torus", "shell"],
)
def test_surfaces_are_closed_outward_and_of_the_right_genus_and_volume(
    distance: Callable[[Tensor], Tensor], euler: int, expected_volume: float
) -> None:
    mesh = extract(field_of(distance))
    edges = directed_edges(mesh)
    assert set(edges.values()) == {1}
    assert all((b, a) in edges for a, b in edges)
    assert euler_number(mesh) == euler
    assert volume(mesh) == pytest.approx(expected_volume, rel=0.02)  # measured: at most 1.4 %
    assert float(distance(mesh.vertices).abs().max()) < 0.1 / RESOLUTION


def test_attributes_are_interpolated_like_positions() -> None:
    mesh = extract(field_of(sphere))
    torch.testing.assert_close(mesh.attributes, mesh.vertices + 0.5, atol=1e-5, rtol=0)
    assert torch.equal(mesh.colors, mesh.attributes)


def test_the_surface_of_noise_has_no_border() -> None:
    edges = directed_edges(extract(field_of(noise, resolution=9)))
    assert len(edges) > 1000
    assert all(edges[b, a] == count for (a, b), count in edges.items())


def test_a_surface_is_open_only_where_it_leaves_the_grid() -> None:
    mesh = extract(field_of(lambda positions: positions[:, 2] - 0.01, resolution=6))
    assert mesh.num_faces == 2 * 5 * 5
    torch.testing.assert_close(mesh.vertices[:, 2], torch.full((36,), 0.01))


@pytest.mark.parametrize("value", [1.0, -1.0])
def test_a_field_without_a_change_of_sign_has_no_surface(value: float) -> None:
    mesh = extract(field_of(lambda positions: torch.full((len(positions),), value), resolution=3))
    assert mesh.num_vertices == mesh.num_faces == 0
    assert mesh.attributes.shape == (0, 3)


@pytest.mark.parametrize(
    ("count", "num_attributes", "seed"), [(216, 6, 0), (150, 6, 1), (40, 6, 2), (90, 0, 3)]
)
def test_sparse_extraction_has_the_triangles_of_a_dense_one(
    count: int, num_attributes: int, seed: int
) -> None:
    coords, feats = random_object(count, 6, num_attributes, seed)
    mesh = extract(corner_field(coords, feats, 6))
    expected = DenseExtraction(coords.numpy(), feats.numpy(), 6).triangles()
    points = torch.cat([mesh.vertices, mesh.attributes], dim=1)
    assert mesh.num_faces > 100
    assert rounded(points[mesh.faces].tolist()) == rounded(expected)


def rounded(triangles: Iterable[Sequence[Sequence[float]]]) -> Counter[tuple[tuple[float, ...], ...]]:
    """Oriented triangles in any order, each from its least corner on; equal to ten digits."""
    turned = []
    for triangle in triangles:
        corners = [tuple(round(value, 10) + 0.0 for value in point) for point in triangle]
        first = corners.index(min(corners))
        turned.append((corners[first], corners[(first + 1) % 3], corners[(first + 2) % 3]))
    return Counter(turned)


def test_the_order_of_voxels_changes_nothing() -> None:
    coords, feats = random_object(80, 6)
    order = torch.randperm(80, generator=torch.Generator().manual_seed(1))
    meshes = [extract(corner_field(c, f, 6)) for c, f in ((coords, feats), (coords[order], feats[order]))]
    assert torch.equal(meshes[0].faces, meshes[1].faces)
    torch.testing.assert_close(meshes[0].vertices, meshes[1].vertices)


def test_the_tables_assign_every_crossed_edge_to_one_of_at_most_four_dual_vertices() -> None:
    tables = cube_tables()
    for case in range(256):
        crossed = [(case >> a & 1) != (case >> b & 1) for a, b in EDGES]
        numbers = tables.component[case]
        assert [number >= 0 for number in numbers.tolist()] == crossed
        assert set(numbers.tolist()) - {-1} == set(range(int(tables.num_components[case])))
    assert int(tables.num_components.max()) == 4
    assert int(tables.flagged_direction.any(dim=1).sum()) == 36


@pytest.mark.parametrize(
    ("corners", "components"), [([0], 1), ([0, 1], 1), ([0, 3], 2), ([0, 7], 2), ([0, 3, 5, 6], 4)]
)
def test_corners_that_only_touch_diagonally_are_kept_apart(corners: list[int], components: int) -> None:
    assert int(cube_tables().num_components[sum(1 << corner for corner in corners)]) == components


def recorded(mesh: Mesh) -> dict[str, Tensor]:
    return {"m.vertices": mesh.vertices, "m.faces": mesh.faces.int(), "m.vertex_attrs": mesh.attributes}


def test_the_comparison_of_meshes_sees_orientation_but_not_order() -> None:
    mesh = extract(field_of(torus, resolution=12))
    order = torch.randperm(mesh.num_vertices, generator=torch.Generator().manual_seed(0))
    shuffled = Mesh(
        vertices=mesh.vertices[order],
        faces=torch.argsort(order)[mesh.faces].flip(0).roll(1, dims=1),
        attributes=mesh.attributes[order],
    )
    turned = Mesh(vertices=mesh.vertices, faces=mesh.faces.flip(1), attributes=mesh.attributes)
    moved = Mesh(vertices=mesh.vertices + 2e-4, faces=mesh.faces, attributes=mesh.attributes)
    failures = [
        [
            check.metric
            for check in mesh_checks("m", other, "m", recorded(mesh))
            if check.status is Status.FAIL
        ]
        for other in (mesh, shuffled, turned, moved)
    ]
    assert failures == [[], [], ["m differing triangles"], ["m vertices max distance"]]
