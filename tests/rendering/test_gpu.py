"""CUDA against the CPU: the renderers and the clean-up."""

import pytest
import torch

from models.gaussians.cleanup import clean_up
from models.gaussians.gaussians import Gaussians
from rendering.cameras import orbit
from rendering.renderer import create_renderer
from tests.rendering.splat_samples import random_splats

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def shell(num_splats: int) -> Gaussians:
    """A sphere's surface of small splats, as an object's are."""
    splats = random_splats(num_splats, seed=4, max_scale=0.02)
    return Gaussians(
        means=torch.nn.functional.normalize(splats.means, dim=-1) * 0.5,
        scales=splats.scales,
        quats_wxyz=splats.quats_wxyz,
        opacities=splats.opacities * 0.9 + 0.1,
        colors=splats.colors,
    )


@pytest.mark.filterwarnings("default")  # gsplat's build helpers warn on some toolchains
@pytest.mark.parametrize("antialiased", [False, True])
@pytest.mark.parametrize("splats", [random_splats(3000, seed=0), shell(50_000)], ids=["cloud", "shell"])
def test_gsplat_and_the_tile_rasterizer_draw_the_same_picture(splats: Gaussians, antialiased: bool) -> None:
    cameras = orbit(3, elevation_degrees=20.0, radius=1.8, size=(200, 160))
    on_cuda = create_renderer("cuda", antialiased=antialiased).render_float(splats, cameras, (0.2, 1.0, 0.7))
    on_cpu = create_renderer("cpu", antialiased=antialiased).render_float(splats, cameras, (0.2, 1.0, 0.7))
    errors = (on_cuda.rgb.cpu() - on_cpu.rgb).abs()
    # single pixels differ by a contribution near the threshold of 1/255, or two splats at nearly one depth
    assert errors.mean() < 1e-4
    assert errors.quantile(0.999) < 1.5 / 255.0
    assert (on_cuda.alpha.cpu() - on_cpu.alpha).abs().mean() < 1e-4


@pytest.mark.filterwarnings("default")
def test_gsplat_returns_8_bit_views_on_its_device() -> None:
    renderer = create_renderer("cuda")
    renderer.warm_up()
    views = renderer.render(shell(1000), orbit(2, size=64))
    assert (views.dtype, views.shape, views.device.type) == (torch.uint8, (2, 64, 64, 3), "cuda")
    assert views[:, 0, 0].tolist() == [[255, 255, 255]] * 2


def test_cuda_clean_up_keeps_the_same_splats_as_the_cpu() -> None:
    splats = shell(200_000)
    splats.means[:20] = torch.tensor([0.8, 0.8, 0.8])
    on_cpu, on_cuda = clean_up(splats), clean_up(splats.to("cuda")).to("cpu")
    assert on_cuda.num_splats == on_cpu.num_splats == 199_980
    torch.testing.assert_close(on_cuda.means, on_cpu.means, rtol=0, atol=1e-6)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("antialiased", [False, True])
def test_gsplat_and_the_tile_rasterizer_weigh_alike_also_in_inference_mode(antialiased: bool) -> None:
    splats, cameras = shell(20_000), orbit(3, elevation_degrees=20.0, radius=1.8, size=(200, 160))
    pictures = torch.rand(3, 160, 200, 3, generator=torch.Generator().manual_seed(1)) - 0.3
    expected = create_renderer("cpu", antialiased=antialiased).weigh(splats, cameras, pictures)
    with torch.inference_mode():
        found = create_renderer("cuda", antialiased=antialiased).weigh(splats.to("cuda"), cameras, pictures)
    for name in ("sums", "shares"):
        errors = (getattr(found, name).cpu() - getattr(expected, name)).abs()
        assert errors.mean() < 1e-3
        assert errors.quantile(0.999) < 5e-2
    assert (found.rgb.cpu() - expected.rgb).abs().mean() < 1e-4
