"""Camera geometry against closed forms."""

import math

import numpy as np
import pytest
import torch

from rendering.cameras import orbit
from rendering.turntable import TurntableSettings, turntable, upstream_turntable


def positions(view_matrices: torch.Tensor) -> torch.Tensor:
    rotation, translation = view_matrices[:, :3, :3], view_matrices[:, :3, 3:]
    return -(rotation.mT @ translation)[..., 0]


def test_a_known_point_lands_on_the_validators_pixel_row() -> None:
    """(0, 0.5, 0) is on row 143 of 518 from the validator's camera."""
    camera = orbit(1, elevation_degrees=15.0, radius=2.5, fov_y_degrees=49.1, size=518)
    point = camera.intrinsics[0] @ (camera.view_matrices[0] @ torch.tensor([0.0, 0.5, 0.0, 1.0]))[:3]
    column, row = (point[:2] / point[2]).tolist()
    assert row == pytest.approx(143.5, abs=0.5)
    assert column == pytest.approx(259.0)


def test_azimuths_start_in_front_and_walk_towards_plus_x() -> None:
    where = positions(orbit(4, elevation_degrees=0.0, radius=2.0).view_matrices)
    expected = torch.tensor([[0.0, 0, 2], [2, 0, 0], [0, 0, -2], [-2, 0, 0]])
    torch.testing.assert_close(where, expected, rtol=0, atol=1e-6)


def test_view_matrices_are_rotations_looking_at_the_origin_from_above() -> None:
    cameras = orbit(7, elevation_degrees=30.0, radius=3.0)
    rotation = cameras.view_matrices[:, :3, :3]
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3).expand(7, 3, 3), rtol=0, atol=1e-6)
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(7))
    torch.testing.assert_close(cameras.view_matrices[:, :3, 3], torch.tensor([0.0, 0.0, 3.0]).expand(7, 3))
    torch.testing.assert_close(positions(cameras.view_matrices)[:, 1], torch.full((7,), 1.5))


def test_the_field_of_view_spans_the_height() -> None:
    cameras = orbit(1, fov_y_degrees=60.0, size=(200, 100))
    assert cameras.intrinsics[0, 1, 1] == pytest.approx(50.0 / math.tan(math.radians(30.0)))
    assert cameras.intrinsics[0, 0, 0] == cameras.intrinsics[0, 1, 1]
    assert cameras.intrinsics[0, :2, 2].tolist() == [100.0, 50.0]


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"num_views": 2, "azimuths_degrees": [0.0]},
        {"num_views": 0},
        {"num_views": 1, "elevation_degrees": 90.0},
        {"num_views": 2, "elevation_degrees": [1.0]},
        {"num_views": 1, "radius": 0.0},
        {"num_views": 1, "fov_y_degrees": 180.0},
        {"num_views": 1, "size": 0},
    ],
)
def test_impossible_cameras_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"give either|at least one|elevations|bad camera"):
        orbit(**arguments)  # type: ignore[arg-type]


def test_batches_hold_every_camera_once_in_order() -> None:
    cameras = orbit(10)
    batches = list(cameras.batches(4))
    assert [batch.num_views for batch in batches] == [4, 4, 2]
    assert torch.equal(torch.cat([batch.view_matrices for batch in batches]), cameras.view_matrices)


def test_the_default_turntable_is_one_seamless_orbit_of_six_seconds() -> None:
    cameras = turntable(TurntableSettings())
    where = positions(cameras.view_matrices)
    assert cameras.num_views == 144
    steps = (where - where.roll(1, 0)).norm(dim=1)
    assert (steps.max() - steps.min()) / steps.max() < 1e-3
    torch.testing.assert_close(where.norm(dim=1), torch.full((144,), 2.5))


def test_the_upstream_path_is_four_loops_each_ten_degrees_lower() -> None:
    cameras = upstream_turntable(size=64)
    where = positions(cameras.view_matrices)
    elevations = torch.rad2deg(torch.asin(where[:, 1] / 5.0)).reshape(4, 72)
    assert cameras.num_views == 288
    assert (cameras.width, cameras.height) == (64, 64)
    torch.testing.assert_close(elevations.mean(1), torch.tensor([30.0, 20.0, 10.0, 0.0]), rtol=0, atol=1e-3)
    azimuths = torch.rad2deg(torch.atan2(where[:, 0], where[:, 2])) % 360
    torch.testing.assert_close(azimuths[:4], torch.tensor([0.0, 5.0, 10.0, 15.0]), rtol=0, atol=1e-3)


def upstream_views() -> np.ndarray:
    """World to camera for each frame of the upstream service's film, in double precision.

    From its constants: elevations -30 to below 10 in steps of 10 (negative ones look down), at each the
    azimuths 0 to below 360 in steps of 5, radius 5; its camera looks along its own -z, y up, at the origin.
    """
    views = []
    for elevation in range(-30, 10, 10):
        for azimuth in range(0, 360, 5):
            e, a = np.deg2rad(elevation), np.deg2rad(azimuth)
            place = 5.0 * np.array([np.cos(e) * np.sin(a), -np.sin(e), np.cos(e) * np.cos(a)])
            backward = place / np.linalg.norm(place)
            right = np.cross([0.0, 1.0, 0.0], backward)
            right /= np.linalg.norm(right)
            pose = np.eye(4)
            pose[:3] = np.stack([right, np.cross(backward, right), backward, place], axis=1)
            views.append(np.diag([1.0, -1.0, -1.0, 1.0]) @ np.linalg.inv(pose))  # OpenCV's axes
    return np.stack(views)


def test_every_frame_of_the_upstream_path_has_the_upstreams_camera() -> None:
    cameras = upstream_turntable(size=1088)
    expected = upstream_views()
    assert expected.shape == (288, 4, 4)
    np.testing.assert_allclose(cameras.view_matrices.numpy(), expected, atol=1e-6)
    focal = 1088 / 2 / np.tan(np.deg2rad(49.1) / 2)
    intrinsics = [[focal, 0, 544], [0, focal, 544], [0, 0, 1]]
    np.testing.assert_allclose(cameras.intrinsics.numpy(), np.tile(intrinsics, (288, 1, 1)), rtol=1e-6)


@pytest.mark.parametrize(("seconds", "fps"), [(6.0, 24), (1.3, 7), (0.5, 30)])
def test_a_film_loops_without_a_jump(seconds: float, fps: int) -> None:
    cameras = turntable(TurntableSettings(seconds=seconds, fps=fps, start_degrees=24.0))
    views = cameras.view_matrices.double()
    steps = [view @ before.inverse() for before, view in zip(views, views.roll(-1, 0), strict=True)]
    for step in steps:  # the last of them leads back to the first frame
        torch.testing.assert_close(step, steps[0], rtol=0, atol=1e-5)


def test_a_turntable_without_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        turntable(TurntableSettings(seconds=0.0))
