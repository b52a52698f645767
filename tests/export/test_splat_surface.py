"""The surface that splats show: closed, without pits, in their outline."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from export.meshes.finishing import FinishSettings, finish_in_place
from export.meshes.splat_colors import SplatPictures
from export.meshes.splat_density import solid_field
from export.meshes.splat_surface import splat_surface
from export.meshes.surface import FinishedMesh, Surface
from export.meshes.surface_nets import surface_net
from export.meshes.topology import OPEN, components, twins
from models.gaussians.cleanup import clean_up_placed
from models.gaussians.gaussians import Gaussians
from models.gaussians.placement import Placement
from rendering.cameras import Cameras, orbit
from rendering.mesh_rasterizer import painted, see_mesh
from rendering.renderer import create_renderer
from tests.export.mesh_samples import ball, surface_where

VOXEL = 1 / 64  # of the structure, in "trellis" space
MIN_DECIBELS = 27.0
IN_PLACE = Placement(center=(0.0, 0.0, 0.0), factor=1.0)
SCALE = 0.006  # of a made-up object's splats


def splats_around(points: torch.Tensor) -> Gaussians:
    """Round opaque splats, coloured by where they are."""
    return Gaussians(
        means=points.float(),
        scales=torch.full((len(points), 3), SCALE),
        quats_wxyz=torch.tensor([[1.0, 0.0, 0.0, 0.0]]).expand(len(points), 4),
        opacities=torch.full((len(points),), 0.97),
        colors=(points.float() * 0.8 + 0.5).clamp(0, 1),
    )


def sphere(radius: float, num_splats: int = 30_000) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.nn.functional.normalize(torch.randn(num_splats, 3, generator=generator), dim=1) * radius


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = vertices[faces].astype(np.float64).transpose(1, 0, 2)
    return float((a * np.cross(b, c)).sum() / 6)


def pitted() -> Surface:
    """A ball with dents that lead into it, as a poor decoder draws them."""
    distance = ball(0.4)
    for place in ((0.0, -0.4, 0.0), (0.28, -0.28, 0.0), (0.0, -0.28, 0.28), (-0.2, -0.28, -0.2)):
        distance = torch.maximum(distance, -ball(0.05, place))
    return surface_where(distance)


@pytest.fixture(scope="module")
def pictures() -> SplatPictures:
    splats, placement = clean_up_placed(splats_around(sphere(0.4)))
    return SplatPictures(splats=splats, placement=placement, renderer=create_renderer("cpu"), num_threads=2)


def views() -> Cameras:
    azimuths = [60.0 * view for view in range(6)]
    return orbit(azimuths_degrees=azimuths, elevation_degrees=[-20.0, 10.0, 40.0] * 2, size=256)


def largest_cavity(mesh: FinishedMesh, pictures: SplatPictures) -> int:
    """Pixels of the views in which the mesh lies more than 1.5 voxels behind what the splats show."""
    splats, cameras = pictures.splats, views()
    places = replace(splats, colors=splats.means + 2)  # a picture of where things are
    seen = pictures.renderer.render_float(places, cameras, (0.0, 0.0, 0.0))
    points = (seen.rgb / seen.alpha.clamp_min(1e-3)[..., None] - 2).double()
    axes = cameras.view_matrices[:, 2].double()
    depth = (points * axes[:, None, None, :3]).sum(dim=3) + axes[:, 3, None, None]
    found = see_mesh(pictures.beside(mesh.vertices), mesh.faces, cameras)
    behind = np.stack([1 / np.maximum(view.inverse_depth, 1e-9) for view in found]) - depth.numpy()
    deep = (behind > 1.5 * VOXEL * pictures.placement.factor) & (seen.alpha.numpy() > 0.99)
    return int(deep.sum(axis=(1, 2)).max())


def decibels(mesh: FinishedMesh, pictures: SplatPictures) -> float:
    """Of whole pictures, outlines included."""
    assert mesh.colors is not None
    seen = see_mesh(pictures.beside(mesh.vertices), mesh.faces, views())
    drawn = np.stack([painted(view, mesh.colors) for view in seen])
    truth = pictures.renderer.render(pictures.splats, views()).numpy() / 255
    return -10 * math.log10(((drawn - truth) ** 2).mean())


def test_the_net_of_a_balls_distances_is_that_ball() -> None:
    x, y, z = np.meshgrid(*(np.arange(40, dtype=np.float32),) * 3, indexing="ij")
    center = np.array([19.3, 20.1, 18.6])
    vertices, faces = surface_net(np.sqrt((x - 19.3) ** 2 + (y - 20.1) ** 2 + (z - 18.6) ** 2) - 12.4)
    distances = np.linalg.norm(vertices - center, axis=1)
    assert np.abs(distances - 12.4).max() < 0.2
    assert volume(vertices, faces) == pytest.approx(4 / 3 * np.pi * 12.4**3, rel=0.02)
    assert (twins(faces, len(vertices)) != OPEN).all()


def test_a_shell_of_splats_is_one_solid_body_out_to_where_they_fade() -> None:
    surface = splat_surface(splats_around(sphere(0.4)), IN_PLACE)
    assert (twins(surface.faces, surface.num_vertices) != OPEN).all()
    assert components(surface.faces, surface.num_vertices).max() == 0  # no second wall around the hollow
    distances = np.linalg.norm(surface.vertices, axis=1)
    assert 0.4 < distances.min() < distances.max() < 0.4 + 4 * SCALE
    assert distances.std() < 0.25 * SCALE
    assert volume(surface.vertices, surface.faces) == pytest.approx(
        4 / 3 * np.pi * distances.mean() ** 3, rel=0.01
    )


def test_a_hole_that_splats_leave_open_is_closed_and_a_wide_mouth_is_not() -> None:
    for hole, share in ((0.014, 1.0), (0.2, 0.2)):
        points = sphere(0.4, 60_000)
        points = points[(points - torch.tensor([0.0, 0.0, 0.4])).norm(dim=1) > hole]
        surface = splat_surface(splats_around(points), IN_PLACE)
        full = 4 / 3 * np.pi * (0.4 + 1.7 * SCALE) ** 3
        found = volume(surface.vertices, surface.faces) / full
        assert found == pytest.approx(share, abs=0.12), hole


def test_the_density_of_a_lone_splat_has_the_closed_form() -> None:
    lone = splats_around(torch.zeros(1, 3))
    field = solid_field(replace(lone, scales=torch.tensor([[0.2, 0.1, 0.05]])), 0.22)
    x, y, z = (field.origin[axis] + field.cell * np.arange(field.values.shape[axis]) for axis in range(3))
    squared = (x[:, None, None] / 0.2) ** 2 + (y[:, None] / 0.1) ** 2 + (z / 0.05) ** 2
    density = -np.log(1 - 0.97 * np.exp(-squared / 2))
    near = squared < 8
    expected = np.log(0.22 / density).clip(-4, 4)
    np.testing.assert_allclose(field.values[near], expected[near], atol=0.03)
    assert (field.values[squared > 9.5] == 4).all()


def test_pits_of_the_decoder_are_not_in_the_mesh_of_the_splats(pictures: SplatPictures) -> None:
    found = {}
    for shape in ("decoder", "gaussians"):
        settings = FinishSettings(faces=20_000, texture=None, shape=shape)
        found[shape], report = finish_in_place(pitted(), settings, pictures)
        assert report.watertight, report.soundness.summary
    assert largest_cavity(found["decoder"], pictures) > 100
    assert largest_cavity(found["gaussians"], pictures) == 0
    assert decibels(found["gaussians"], pictures) >= MIN_DECIBELS > decibels(found["decoder"], pictures)


def test_the_splats_surface_needs_splats() -> None:
    with pytest.raises(ValueError, match="there are none"):
        finish_in_place(pitted(), FinishSettings(shape="gaussians"))
