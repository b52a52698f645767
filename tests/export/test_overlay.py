"""A mesh and its splats in one scene, as files: they lie upon each other in every size."""

import io

import numpy as np
import pytest
import torch
import trimesh

from export.glb import write_glb
from export.meshes.finishing import FinishSettings, finish
from export.meshes.surface import Surface
from export.ply import read_ply, turned_ply, write_ply
from models.gaussians.cleanup import clean_up_placed
from rendering.cameras import orbit
from rendering.mesh_kernels import NOTHING
from rendering.mesh_rasterizer import see_mesh
from rendering.renderer import create_renderer
from tests.export.mesh_samples import grid_points, surface_where
from tests.export.test_splat_colors import splats_on

CENTER = (0.05, -0.08, 0.06)
USUAL = 1.5


@pytest.fixture(scope="module")
def cone() -> Surface:
    """Pointed at the top, leaning to one side, off the centre: no turn or mirror image looks like it."""
    points = grid_points() - torch.tensor(CENTER)
    up = points[:, 2] + 0.3  # from the foot
    width = 0.22 * (1.0 - up / 0.6)
    around = torch.hypot(points[:, 0] - 0.2 * up, points[:, 1])
    return surface_where(torch.maximum(torch.maximum(around - width, -up), up - 0.55))


def grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    """With all pixels that lie so near."""
    padded = np.pad(mask, pixels)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * pixels + 1, 2 * pixels + 1))
    return np.asarray(windows.any(axis=(2, 3)))


@pytest.mark.parametrize("size", [USUAL, 0.4])
def test_mesh_and_splats_cover_the_same_pixels(cone: Surface, size: float) -> None:
    splats, placement = clean_up_placed(splats_on(cone))
    factor = size / USUAL
    mesh, _ = finish(cone, FinishSettings(faces=3000, texture=None), placement=placement.scaled(factor))
    scene = trimesh.load_scene(io.BytesIO(write_glb(mesh)), file_type="glb").to_mesh()
    ply = turned_ply(write_ply(splats), source="validator", target="validator", factor=factor)
    found = read_ply(ply)
    extent = np.ptp(found.means.numpy(), axis=0)
    assert extent.max() == pytest.approx(size, rel=1e-4)
    cameras = orbit(6, elevation_degrees=20.0, radius=2.0 * size, size=128)
    drawn = create_renderer("cpu").render_float(found, cameras).alpha.numpy() > 0.5
    views = see_mesh(np.asarray(scene.vertices, np.float32), np.asarray(scene.faces, np.int32), cameras)
    for pixels, seen in zip(drawn.reshape(6, 128, 128), views, strict=True):
        covered = seen.face != NOTHING
        assert covered.sum() > 1000
        assert not (covered & ~grown(pixels, 1)).any()
        assert not (pixels & ~grown(covered, 3)).any()  # splats reach beyond their centres


def test_a_turned_ply_keeps_every_other_bit() -> None:
    splats = splats_on(surface_where(grid_points().norm(dim=1) - 0.3))
    data = write_ply(splats)
    standard = turned_ply(data, source="validator", target="standard")
    rows, turned = (
        np.frombuffer(file[file.index(b"end_header\n") + 11 :], "<f4").reshape(-1, 17)
        for file in (data, standard)
    )
    np.testing.assert_array_equal(turned[:, :3], rows[:, :3] * [1, -1, -1])
    np.testing.assert_array_equal(turned[:, 3:13], rows[:, 3:13])
    back = turned_ply(standard, source="standard", target="validator")
    assert np.array_equal(np.frombuffer(back[-17 * 4 :], "<f4"), [*rows[-1, :13], *(-rows[-1, 13:])])
