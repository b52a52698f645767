"""The CPU rasteriser against gsplat's torch reference, and its own promises."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from models.gaussians.gaussians import Gaussians
from rendering.cameras import orbit
from rendering.renderer import create_renderer
from rendering.tile_rasterizer import TileRasterizer
from tests.rendering.splat_samples import random_splats, reference_render


@pytest.fixture(scope="module")
def rasterizer() -> TileRasterizer:
    return TileRasterizer(num_threads=2)


def one_splat(**changes: object) -> Gaussians:
    values: dict[str, object] = {
        "means": torch.zeros(1, 3),
        "scales": torch.full((1, 3), 0.2),
        "quats_wxyz": torch.tensor([[1.0, 0.0, 0.0, 0.0]]),
        "opacities": torch.ones(1),
        "colors": torch.tensor([[1.0, 0.0, 0.0]]),
    }
    return Gaussians(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("antialiased", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_renders_agree_with_the_torch_reference(seed: int, antialiased: bool) -> None:
    splats = random_splats(600, seed=seed)
    cameras = orbit(
        azimuths_degrees=[10.0, 200.0], elevation_degrees=[15.0, -40.0], radius=1.6, size=(61, 47)
    )
    renderer = TileRasterizer(antialiased=antialiased, num_threads=2)
    result = renderer.render_float(splats, cameras, (1.0, 0.5, 0.0))
    rgb, alpha = reference_render(splats, cameras, (1.0, 0.5, 0.0), antialiased=antialiased)
    errors = (result.rgb - rgb).abs()
    # A contribution near 1/255 may fall on either side of the threshold: those pixels differ by up to 1/255.
    assert errors.max() < 1.5 / 255.0
    assert errors.quantile(0.99) < 2e-6
    assert (result.alpha - alpha).abs().max() < 1.5 / 255.0


def test_splats_around_and_behind_the_camera_agree_with_the_reference(rasterizer: TileRasterizer) -> None:
    splats = random_splats(300, seed=5, spread=2.0, max_scale=0.3)
    cameras = orbit(azimuths_degrees=[75.0], elevation_degrees=20.0, radius=0.8, size=48)
    rgb, _ = reference_render(splats, cameras, (1.0, 1.0, 1.0))
    errors = (rasterizer.render_float(splats, cameras).rgb - rgb).abs()
    assert errors.max() < 1.5 / 255.0
    assert errors.quantile(0.99) < 1e-5


def test_a_lone_splat_has_the_closed_form_profile(rasterizer: TileRasterizer) -> None:
    cameras = orbit(1, elevation_degrees=0.0, radius=4.0, size=65)
    alpha = rasterizer.render_float(one_splat(opacities=torch.tensor([0.8])), cameras).alpha[0]
    variance = (0.2 * cameras.intrinsics[0, 0, 0] / 4.0) ** 2 + 0.3
    distance = torch.arange(65) - 32.0
    profile = 0.8 * torch.exp(-0.5 * distance**2 / variance)
    expected = torch.where(profile >= 1 / 255, profile, 0.0)
    torch.testing.assert_close(alpha[32], expected, rtol=0, atol=2e-6)


def test_the_nearer_splat_hides_the_farther_one(rasterizer: TileRasterizer) -> None:
    splats = Gaussians(
        means=torch.tensor([[0.0, 0.0, -0.5], [0.0, 0.0, 0.5]]),
        scales=torch.full((2, 3), 0.2),
        quats_wxyz=torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(2, 1),
        opacities=torch.ones(2),
        colors=torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    )
    front, back = rasterizer.render(splats, orbit(2, elevation_degrees=0.0, size=33))[:, 16, 16]
    assert front.tolist() == [0, 0, 255]
    assert back.tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("mean", "row_sign", "column_sign"),
    [((0.0, 0.5, 0.0), -1, 0), ((0.0, -0.5, 0.0), 1, 0), ((0.5, 0.0, 0.0), 0, 1), ((-0.5, 0.0, 0.0), 0, -1)],
)
def test_up_is_up_and_the_objects_left_is_right(
    rasterizer: TileRasterizer, mean: tuple[float, float, float], row_sign: int, column_sign: int
) -> None:
    """Seen from the front (+Z), +Y is up in the picture and +X is on its right."""
    splat = one_splat(means=torch.tensor([mean]), scales=torch.full((1, 3), 0.03))
    alpha = rasterizer.render_float(splat, orbit(1, elevation_degrees=0.0, size=65)).alpha[0]
    row, column = divmod(int(alpha.argmax()), 65)
    assert (row - 32 > 5) - (row - 32 < -5) == row_sign
    assert (column - 32 > 5) - (column - 32 < -5) == column_sign


def test_the_number_of_threads_never_changes_a_bit() -> None:
    splats = random_splats(5000, seed=2)
    cameras = orbit(3, size=96)
    renders = [TileRasterizer(num_threads=threads).render_float(splats, cameras).rgb for threads in (1, 2, 5)]
    assert torch.equal(renders[0], renders[1])
    assert torch.equal(renders[0], renders[2])


def test_a_view_does_not_depend_on_its_batch(rasterizer: TileRasterizer) -> None:
    splats, cameras = random_splats(2000, seed=3), orbit(5, size=64)
    together = rasterizer.render(splats, cameras)
    alone = torch.cat([rasterizer.render(splats, camera) for camera in cameras.batches(1)])
    assert torch.equal(together, alone)


def test_concurrent_callers_get_their_own_pictures(rasterizer: TileRasterizer) -> None:
    scenes = [random_splats(1000, seed=seed) for seed in range(6)]
    expected = [rasterizer.render(scene, orbit(2, size=48)) for scene in scenes]
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda scene: rasterizer.render(scene, orbit(2, size=48)), scenes))
    assert all(torch.equal(result, want) for result, want in zip(results, expected, strict=True))


def test_an_empty_scene_is_the_background(rasterizer: TileRasterizer) -> None:
    nothing = random_splats(4, seed=0).select(torch.zeros(4, dtype=torch.bool))
    picture = rasterizer.render(nothing, orbit(1, size=20), (1.0, 0.0, 0.2))
    assert torch.equal(picture, torch.tensor([255, 0, 51], dtype=torch.uint8).expand(1, 20, 20, 3))


@pytest.mark.parametrize("field", ["means", "scales", "quats_wxyz", "opacities", "colors"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_splat_that_is_not_finite_leaves_no_trace(
    rasterizer: TileRasterizer, field: str, value: float
) -> None:
    splat = one_splat()
    broken = one_splat(**{field: torch.full_like(getattr(splat, field), value)})
    rgb = rasterizer.render_float(broken, orbit(1, size=32)).rgb
    assert torch.equal(rgb, torch.ones_like(rgb))


def test_transparent_splats_and_splats_behind_are_skipped(rasterizer: TileRasterizer) -> None:
    faint = one_splat(opacities=torch.tensor([0.0039]))
    behind = one_splat(means=torch.tensor([[0.0, 0.0, 3.0]]))
    for splat in (faint, behind):
        assert rasterizer.render_float(splat, orbit(1, elevation_degrees=0.0, size=32)).alpha.max() == 0


def test_the_factory_knows_the_cpu_and_refuses_the_rest() -> None:
    assert isinstance(create_renderer("cpu", num_threads=1), TileRasterizer)
    with pytest.raises(ValueError, match="no splat renderer"):
        create_renderer("meta")
    with pytest.raises(ValueError, match="num_threads"):
        create_renderer("cpu", num_threads=0)


@pytest.mark.parametrize("antialiased", [False, True])
def test_weighing_is_the_gradient_of_the_reference_by_colours(antialiased: bool) -> None:
    splats = random_splats(200, seed=6)
    cameras = orbit(
        azimuths_degrees=[10.0, 200.0], elevation_degrees=[15.0, -40.0], radius=1.6, size=(61, 47)
    )
    pictures = torch.rand(2, 47, 61, 3, generator=torch.Generator().manual_seed(1)) - 0.3
    found = TileRasterizer(antialiased=antialiased, num_threads=2).weigh(splats, cameras, pictures)
    colors = splats.colors.double().clamp_min(1e-3).requires_grad_()
    colored = dataclasses.replace(splats, colors=colors)
    rgb, _ = reference_render(colored, cameras, (1.0, 1.0, 1.0), antialiased=antialiased)
    (sums,) = torch.autograd.grad((rgb * pictures).sum(), colors, retain_graph=True)
    (shares,) = torch.autograd.grad(rgb[..., 0].sum(), colors)
    # as in the pictures, a contribution near 1/255 may fall on either side of the threshold
    assert (found.sums - sums).abs().max() < 3e-2
    assert (found.shares - shares[:, 0]).abs().max() < 5e-2
    assert (found.shares - shares[:, 0]).abs().median() < 1e-4
    assert found.shares.max() > 20
    drawn = TileRasterizer(antialiased=antialiased, num_threads=2).render_float(splats, cameras)
    torch.testing.assert_close(found.rgb, drawn.rgb, rtol=0, atol=2e-6)


def test_weights_do_not_depend_on_the_number_of_threads() -> None:
    splats, cameras = random_splats(500, seed=7), orbit(5, radius=1.6, size=64)
    pictures = torch.ones(5, 64, 64, 3)
    one, three = (TileRasterizer(num_threads=n).weigh(splats, cameras, pictures) for n in (1, 3))
    assert torch.equal(one.sums, three.sums)
    assert torch.equal(one.shares, three.shares)
