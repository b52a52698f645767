"""Camera geometry against closed forms."""

import math

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


def test_a_turntable_without_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        turntable(TurntableSettings(seconds=0.0))
