"""From an extracted surface to a deliverable mesh."""

import numpy as np
import pytest
import torch

from export.meshes.clean_up import clean_up, vertex_normals
from export.meshes.finishing import FinishSettings, finish
from export.meshes.hollows import looks_into_hollow
from export.meshes.surface import Surface
from export.meshes.texels import owners
from export.meshes.topology import OPEN, twins
from export.meshes.unwrapping import unwrap
from models.errors import GenerationError
from tests.export.mesh_samples import RESOLUTION, ball, colors_of, grid_points, surface_where, torus

SIDE = 512


def volume(surface: Surface) -> float:
    a, b, c = surface.vertices[surface.faces].astype(np.float64).transpose(1, 0, 2)
    return float((a * np.cross(b, c)).sum() / 6)


def is_closed(surface: Surface) -> bool:
    """Whether every edge is run along once in each direction by two faces (or four, or six)."""
    return len(surface.faces) > 0 and bool((twins(surface.faces, surface.num_vertices) != OPEN).all())


@pytest.fixture(scope="module")
def ring() -> Surface:
    return surface_where(torus())


def test_crumbs_go_and_parts_stay(ring: Surface) -> None:
    crumb, part = ball(0.013, (0.4, 0.4, 0.4)), ball(0.05, (-0.4, -0.4, 0.4))
    cleaned = clean_up(surface_where(torch.minimum(torch.minimum(torus(), crumb), part)))
    assert volume(cleaned) == pytest.approx(volume(ring) + 4 / 3 * np.pi * 0.05**3, rel=0.01)
    assert is_closed(cleaned)


@pytest.mark.slow
@pytest.mark.parametrize("pinhole", [False, True])
def test_a_hollow_inside_goes_even_if_a_pinhole_leads_into_it(pinhole: bool) -> None:
    solid, hollow = ball(0.4), torch.maximum(ball(0.4), -ball(0.33))
    if pinhole:
        hollow = torch.maximum(hollow, -ball(0.012, (0.36, 0.0, 0.0)))
    surface = surface_where(hollow, RESOLUTION)
    assert volume(surface) < 0.6 * volume(surface_where(solid))
    cleaned = clean_up(surface)
    assert volume(cleaned) == pytest.approx(4 / 3 * np.pi * 0.4**3, rel=0.02)
    assert np.linalg.norm(cleaned.vertices, axis=1).min() > 0.38


def test_a_hollow_behind_a_long_slit_stays_so_that_the_surface_is_closed() -> None:
    x, y, z = grid_points().unbind(dim=1)
    slit = torch.maximum(torch.maximum(x.abs() - 0.013, y.abs() - 0.251), 0.103 - z)
    shell = torch.maximum(ball(0.4), -ball(0.33))
    surface = surface_where(torch.maximum(shell, -slit))
    assert is_closed(surface)
    assert looks_into_hollow(surface.vertices, surface.faces).any()
    cleaned = clean_up(surface)
    assert is_closed(cleaned)
    assert volume(cleaned) == pytest.approx(volume(surface), rel=0.01)


@pytest.mark.slow
def test_an_open_inside_stays() -> None:
    cup = torch.maximum(ball(0.4), -ball(0.33))
    mouth = ball(0.2, (0.0, 0.0, 0.4))
    surface = surface_where(torch.maximum(cup, -mouth))
    assert volume(clean_up(surface)) == pytest.approx(volume(surface), rel=1e-6)


def test_a_small_hole_is_closed_and_a_large_one_left_open(ring: Surface) -> None:
    centers = ring.vertices[ring.faces].mean(axis=1)
    for radius, closed in ((0.012, True), (0.1, False)):
        kept = np.linalg.norm(centers - [0.37, 0.0, 0.0], axis=1) > radius
        cleaned = clean_up(ring.with_faces(ring.faces[kept]))
        assert is_closed(cleaned) == closed
    assert volume(clean_up(ring)) == pytest.approx(volume(ring), rel=1e-6)


def test_nothing_left_is_a_failed_generation(ring: Surface) -> None:
    with pytest.raises(GenerationError):
        clean_up(ring.with_faces(ring.faces[:0]))


def test_normals_point_outward_with_unit_length() -> None:
    surface = surface_where(ball(0.4))
    normals = vertex_normals(surface.vertices, surface.faces)
    expected = surface.vertices / np.linalg.norm(surface.vertices, axis=1, keepdims=True)
    assert (normals * expected).sum(axis=1).min() > 0.98
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)


def test_a_mesh_is_simplified_closed_centred_upright_and_one_metre_large(ring: Surface) -> None:
    mesh, report = finish(ring, FinishSettings(faces=3000, texture=SIDE))
    assert report.watertight
    assert 2900 <= report.num_faces == len(mesh.faces) <= 3000
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    np.testing.assert_allclose(low + high, 0, atol=1e-6)
    # the ring lies around trellis's z, which is up: flat along y here; 0.74 and 0.22 wide before
    np.testing.assert_allclose(high - low, [1, 0.22 / 0.74, 1], atol=0.01)
    assert (high - low).max() == pytest.approx(1, abs=1e-6)


def test_the_texture_shows_the_surfaces_colours_everywhere(ring: Surface) -> None:
    mesh, _ = finish(ring, FinishSettings(faces=3000, texture=SIDE))
    assert mesh.uvs is not None
    assert mesh.texture is not None
    weights = np.random.default_rng(0).dirichlet([1, 1, 1], len(mesh.faces))[:, :, None]
    points = (mesh.vertices[mesh.faces] * weights).sum(axis=1) * 0.74
    columns, rows = (mesh.uvs[mesh.faces] * weights).sum(axis=1).T * SIDE
    found = mesh.texture[rows.astype(int), columns.astype(int)] / 255
    expected = colors_of(points[:, [0, 2, 1]] * [1, -1, 1])  # back to trellis's axes
    error = np.abs(found - expected).max(axis=1)
    assert np.median(error) < 0.01
    assert (error > 0.1).mean() < 0.08  # a texel's width beside the border of red and blue


def test_without_texture_and_limit_every_vertex_keeps_its_colour(ring: Surface) -> None:
    mesh, _ = finish(ring, FinishSettings(faces=None, texture=None))
    assert mesh.colors is not None
    assert len(mesh.faces) == ring.num_faces
    assert np.array_equal(mesh.colors, ring.colors)


@pytest.mark.slow
def test_no_two_faces_share_a_texel_and_charts_are_not_squeezed(ring: Surface) -> None:
    faces = ring.faces[: ring.num_faces // 6 * 5]  # open, so that borders are met too
    unwrapped = unwrap(ring.vertices, faces, SIDE)
    assert np.array_equal(unwrapped.source[unwrapped.faces], faces)
    corners = unwrapped.texels[unwrapped.faces]
    assert unwrapped.texels.min() >= 0
    assert unwrapped.texels.max() <= SIDE
    _, doubled = owners(corners, SIDE)
    assert len(doubled) <= 0.001 * len(faces)
    u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    in_texture = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
    points = ring.vertices[faces]
    in_space = np.linalg.norm(np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]), axis=1)
    stretch = in_texture / np.maximum(in_space, 1e-9)
    assert np.percentile(stretch, 1) > 0.25 * np.median(stretch)
    assert in_texture.sum() / 2 > 0.35 * SIDE**2  # the texture is used
