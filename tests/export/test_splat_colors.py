"""Colours taken from pictures of splats, against the splats' own known colours."""

import numpy as np
import pytest
import torch

from export.meshes.axes import turned
from export.meshes.clean_up import vertex_normals
from export.meshes.color_lookup import GREY
from export.meshes.finishing import FinishSettings, finish, finish_in_place
from export.meshes.splat_colors import SplatColors, SplatPictures
from export.meshes.surface import FinishedMesh, Surface
from models.gaussians.cleanup import clean_up_placed
from models.gaussians.gaussians import Gaussians
from rendering.cameras import orbit
from rendering.mesh_rasterizer import see_mesh, textured
from rendering.renderer import create_renderer
from tests.export.mesh_samples import ball, colors_of, surface_where, torus

OFF_CENTER = (0.09, -0.05, 0.03)


def splats_on(surface: Surface, device: str = "cpu") -> Gaussians:
    """A small opaque splat on every vertex, in "trellis" space, coloured with `colors_of`."""
    count = surface.num_vertices
    return Gaussians(
        means=torch.from_numpy(surface.vertices),
        scales=torch.full((count, 3), 0.006),
        quats_wxyz=torch.tensor([[1.0, 0.0, 0.0, 0.0]]).expand(count, 4),
        opacities=torch.full((count,), 0.95),
        colors=torch.from_numpy(colors_of(surface.vertices)).float(),
    ).to(device)


def pictures_of(surface: Surface, device: str = "cpu", **settings: int) -> SplatPictures:
    splats, placement = clean_up_placed(splats_on(surface, device))
    renderer = create_renderer(device)
    return SplatPictures(splats=splats, placement=placement, renderer=renderer, **settings)


@pytest.fixture(scope="module")
def ring() -> Surface:
    """A ring off the centre whose decoder knows no colours."""
    painted = surface_where(torus(OFF_CENTER))
    return Surface(vertices=painted.vertices, faces=painted.faces, colors=np.full_like(painted.colors, GREY))


@pytest.fixture(scope="module")
def pictures(ring: Surface) -> SplatPictures:
    return pictures_of(ring)


def error_of(found: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Largest error of a channel, but for a stripe where red turns into blue."""
    far = np.abs(points[:, 0]) > 0.06
    error: np.ndarray = np.abs(found - colors_of(points)).max(axis=1)[far]
    return error


@pytest.mark.slow
def test_vertices_take_the_colours_of_the_splats_around_them(ring: Surface, pictures: SplatPictures) -> None:
    mesh, _ = finish_in_place(ring, FinishSettings(faces=None, texture=None), pictures)
    assert mesh.colors is not None
    assert len(mesh.faces) == ring.num_faces  # nothing is simplified
    error = error_of(mesh.colors, mesh.vertices)
    assert np.median(error) < 0.01
    assert np.percentile(error, 98) < 0.05


def test_a_baked_mesh_looks_like_its_splats(ring: Surface, pictures: SplatPictures) -> None:
    mesh, _ = finish_in_place(ring, FinishSettings(faces=3000, texture=256), pictures)
    assert mesh.uvs is not None
    assert mesh.texture is not None
    cameras = orbit(4, elevation_degrees=25.0, size=160)
    truth = pictures.renderer.render_float(pictures.splats, cameras).rgb.numpy()
    for view, seen in enumerate(see_mesh(pictures.beside(mesh.vertices), mesh.faces, cameras)):
        drawn = textured(seen, mesh.uvs, mesh.texture)
        difference = np.abs(drawn - truth[view]).max(axis=2)[seen.face >= 0]
        assert np.median(difference) < 0.02
        assert np.percentile(difference, 90) < 0.1  # the rims are splats' and blurred


def test_the_mesh_lies_where_its_splats_lie(ring: Surface, pictures: SplatPictures) -> None:
    beside = pictures.beside(ring.vertices)
    np.testing.assert_allclose(beside, pictures.splats.means.numpy(), atol=1e-6)
    assert np.ptp(beside, axis=0).max() == pytest.approx(1.5, abs=1e-6)


@pytest.mark.slow
def test_what_lies_behind_does_not_show_through() -> None:
    """A small ball inside a large one: no picture shows it, so it keeps the decoder's colours."""
    small, large = surface_where(ball(0.1)), surface_where(ball(0.4))
    both = Surface(
        vertices=np.concatenate([large.vertices, small.vertices]),
        faces=np.concatenate([large.faces, small.faces + large.num_vertices]),
        colors=np.full((large.num_vertices + small.num_vertices, 3), 0.25, np.float32),
    )
    colors = SplatColors(
        pictures=pictures_of(large, num_views=8, size=128),
        vertices=both.vertices,
        faces=both.faces,
        decoded=both,
    ).colors_at(both.vertices, vertex_normals(both.vertices, both.faces))
    np.testing.assert_allclose(colors[large.num_vertices :], 0.25, atol=1e-6)
    assert np.median(error_of(colors[: large.num_vertices], large.vertices)) < 0.02


def test_a_hidden_spot_looks_like_what_is_near(ring: Surface, pictures: SplatPictures) -> None:
    """Points a little below the surface are hidden by it, and look like the points above."""
    normals = vertex_normals(ring.vertices, ring.faces)
    below = ring.vertices - 0.06 * normals
    points, directions = np.concatenate([ring.vertices, below]), np.concatenate([normals, normals])
    source = SplatColors(pictures=pictures, vertices=ring.vertices, faces=ring.faces, decoded=ring)
    found = source.colors_at(points, directions)[ring.num_vertices :]
    assert np.percentile(error_of(found, ring.vertices), 90) < 0.12


def test_the_threads_do_not_change_the_picture(ring: Surface, pictures: SplatPictures) -> None:
    settings = FinishSettings(faces=3000, texture=256)
    several = SplatPictures(
        splats=pictures.splats, placement=pictures.placement, renderer=pictures.renderer, num_threads=3
    )
    textures = [finish(ring, settings, source)[0].texture for source in (pictures, several)]
    assert textures[0] is not None
    assert textures[1] is not None
    assert np.array_equal(textures[0], textures[1])


def test_in_place_and_finished_are_one_mesh(ring: Surface) -> None:
    settings = FinishSettings(faces=3000, texture=None)
    in_place, finished = finish_in_place(ring, settings)[0], finish(ring, settings)[0]
    scaled = turned(in_place.vertices)
    scaled = (scaled - (scaled.min(axis=0) + scaled.max(axis=0)) / 2) / np.ptp(scaled, axis=0).max()
    np.testing.assert_allclose(finished.vertices, scaled, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.filterwarnings("default")  # gsplat's build helpers warn on some toolchains
def test_pictures_from_a_gpu_give_the_same_colours(ring: Surface, pictures: SplatPictures) -> None:
    settings = FinishSettings(faces=3000, texture=256)
    made: list[FinishedMesh] = [
        finish(ring, settings, source)[0] for source in (pictures, pictures_of(ring, "cuda"))
    ]
    on_cpu, on_cuda = (mesh.texture for mesh in made)
    assert on_cpu is not None
    assert on_cuda is not None
    assert np.abs(on_cpu.astype(int) - on_cuda).mean() < 0.5
