"""The validator's views against numbers that follow from its description alone."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from command_line.places import ROOT
from export.ply import read_ply
from models.gaussians.gaussians import Gaussians
from rendering.renderer import create_renderer
from rendering.view_sets import at_usual_size, normalised_as_validator, orbit_views, validator_views
from tests.stand_ins.fakes import ball

HAMBURGER = ROOT.parent / "shared" / "data" / "splats" / "hamburger.ply"


def box(*corners: tuple[float, float, float], opacity: float = 0.9) -> Gaussians:
    splats = ball((0.5, 0.5, 0.5), seed=0, count=len(corners))
    return replace(splats, means=torch.tensor(corners), opacities=torch.full((len(corners),), opacity))


def test_cameras_stand_where_the_validators_do() -> None:
    cameras = validator_views().cameras
    assert (cameras.num_views, cameras.width, cameras.height) == (16, 518, 518)
    focal = 259.0 / math.tan(math.radians(24.55))  # 566.98 pixels
    torch.testing.assert_close(
        cameras.intrinsics[0], torch.tensor([[focal, 0, 259.0], [0, focal, 259.0], [0, 0, 1]])
    )
    for number, azimuth in enumerate(np.linspace(0.0, 360.0, 16)):
        angle, height = math.radians(azimuth), math.radians(15.0)
        place = 2.5 * np.array(
            [math.cos(height) * math.sin(angle), math.sin(height), math.cos(height) * math.cos(angle)]
        )
        forward = -place / 2.5
        right = np.cross(forward, (0.0, 1.0, 0.0))
        right /= np.linalg.norm(right)
        axes = np.stack([right, np.cross(forward, right), forward])
        expected = np.concatenate([axes, -axes @ place[:, None]], axis=1)
        np.testing.assert_allclose(cameras.view_matrices[number, :3].numpy(), expected, atol=2e-6)


def test_the_known_point_lands_on_the_validators_row_and_its_first_view_is_its_last() -> None:
    cameras = validator_views().cameras
    seen = cameras.intrinsics[0] @ (cameras.view_matrices[0] @ torch.tensor([0.0, 0.5, 0.0, 1.0]))[:3]
    assert int(seen[1] / seen[2]) == 143
    torch.testing.assert_close(cameras.view_matrices[0], cameras.view_matrices[15], rtol=0, atol=1e-6)


def test_the_box_becomes_one_and_a_half_and_one_mean_is_taken_from_all_axes() -> None:
    seen = normalised_as_validator(box((0, 0, 0), (1, 0.5, 0), (0.5, 0.5, 0.5)))
    mean = (0 + 0 + 0 + 1 + 0.5 + 0 + 0.5 + 0.5 + 0.5) / 9
    expected = (torch.tensor([[0, 0, 0], [1, 0.5, 0], [0.5, 0.5, 0.5]]) - mean) * 1.5
    torch.testing.assert_close(seen.means, expected)
    torch.testing.assert_close(seen.scales, torch.full((3, 3), 0.015))


@pytest.mark.parametrize(("extent", "share"), [(1.0, 2 / 3), (1.5, 1.0), (0.75, 0.5)])
def test_smaller_objects_are_drawn_fainter(extent: float, share: float) -> None:
    seen = normalised_as_validator(box((0, 0, 0), (extent, 0, 0), opacity=0.9))
    torch.testing.assert_close(seen.opacities, torch.full((2,), 0.9 * share))


def test_larger_objects_are_drawn_stronger_and_never_above_one() -> None:
    seen = normalised_as_validator(box((0, 0, 0), (0, 3.0, 0), opacity=0.4))
    torch.testing.assert_close(seen.opacities, torch.full((2,), 0.8))
    seen = normalised_as_validator(box((0, 0, 0), (0, 0, 3.0), opacity=0.9))
    torch.testing.assert_close(seen.opacities, torch.ones(2))


def test_a_stray_shrinks_the_object() -> None:
    seen = normalised_as_validator(box((-0.5, 0, 0), (0.5, 0, 0), (0, 14.5, 0)))
    assert float(seen.means[1, 0] - seen.means[0, 0]) == pytest.approx(1.5 / 14.5)


def test_what_has_no_extent_is_refused() -> None:
    for nothing in (box((1.0, 1.0, 1.0), (1.0, 1.0, 1.0)), ball((0.5, 0.5, 0.5), seed=0, count=0)):
        for placed in (normalised_as_validator, at_usual_size):
            with pytest.raises(ValueError, match="extent"):
                placed(nothing)


def test_an_orbit_sees_any_object_in_the_middle_and_ours_as_they_are() -> None:
    ours = box((-0.75, 0.0, 0.1), (0.75, 0.0, -0.1))
    assert at_usual_size(ours) is ours
    large = box((10.0, 0.0, 0.0), (16.0, 3.0, 0.0))
    seen = at_usual_size(large)
    torch.testing.assert_close(seen.means, torch.tensor([[-0.75, -0.375, 0.0], [0.75, 0.375, 0.0]]))
    torch.testing.assert_close(seen.scales, large.scales / 4)
    torch.testing.assert_close(seen.opacities, large.opacities)


def test_an_object_of_the_usual_size_looks_as_it_is() -> None:
    splats = ball((0.9, 0.1, 0.1), seed=1).scaled(1.5 / 0.8)
    splats = replace(splats, means=splats.means.clamp(-0.75, 0.75))
    splats = replace(splats, means=torch.cat([splats.means, -splats.means])[: splats.num_splats])
    renderer = create_renderer("cpu")
    seen = validator_views(96).render(splats, renderer).float()
    assert seen.shape == (16, 96, 96, 3)
    plain = renderer.render(splats, validator_views(96).cameras).float()
    assert float((seen - plain).abs().mean()) < 1.0
    assert orbit_views(3, size=64).render(splats, renderer).shape == (3, 64, 64, 3)


@pytest.mark.skipif(not HAMBURGER.is_file(), reason="../shared/data/splats/hamburger.ply is not here")
def test_the_validators_own_fixture_stands_upright_before_its_cameras() -> None:
    views = validator_views().render(read_ply(HAMBURGER.read_bytes()), create_renderer("cpu"))
    front = views[0].float()
    seen = (front.amin(dim=2) < 240).any(dim=1).nonzero()[:, 0]
    assert 0.6 < len(seen) / 518 < 0.75
    crust, foot = (
        front[rows][front[rows].amin(dim=1) < 240] for rows in (int(seen[0]) + 24, int(seen[-1]) - 12)
    )
    brown = [float(part[:, 0].mean() / part[:, 1].mean()) for part in (crust, foot)]
    assert brown[0] > 1.4 > 1.2 > brown[1]  # the baked crust is above, the pale half of the bun below
