"""Splats for the rendering tests, and the oracle they are compared with."""

import torch
from gsplat.cuda._torch_impl import _fully_fused_projection, _quat_scale_to_covar_preci

from models.gaussians.gaussians import Gaussians
from rendering.cameras import Cameras
from rendering.views import EPS2D


def random_splats(num_splats: int, *, seed: int, spread: float = 0.5, max_scale: float = 0.1) -> Gaussians:
    """Splats of all shapes, sizes and opacities in a cube of half side `spread`."""
    generator = torch.Generator().manual_seed(seed)
    unit = torch.rand(num_splats, 3, generator=generator)
    log_range = torch.log(torch.tensor(max_scale / 1e-3))
    return Gaussians(
        means=(torch.rand(num_splats, 3, generator=generator) * 2 - 1) * spread,
        scales=1e-3 * torch.exp(unit * log_range),
        quats_wxyz=torch.nn.functional.normalize(torch.randn(num_splats, 4, generator=generator), dim=-1),
        opacities=torch.rand(num_splats, generator=generator),
        colors=torch.rand(num_splats, 3, generator=generator) * 1.2 - 0.1,
    )


def reference_render(
    splats: Gaussians, cameras: Cameras, background: tuple[float, float, float], *, antialiased: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Colour [views, height, width, 3] and alpha [views, height, width] in float64.

    gsplat's torch reference projects; every pixel then composites every splat, nearest first.
    """
    covariances, _ = _quat_scale_to_covar_preci(splats.quats_wxyz.double(), splats.scales.double())
    _, centres, depths, conics, compensations = _fully_fused_projection(
        splats.means.double(), covariances, cameras.view_matrices.double(), cameras.intrinsics.double(),
        cameras.width, cameras.height, eps2d=EPS2D, calc_compensations=True,
    )  # fmt: skip
    opacities = splats.opacities.double() * (compensations if antialiased else torch.ones_like(compensations))
    opacities = torch.where(depths > 0.01, opacities, 0.0)
    rendered = [
        _composite(
            cameras, centres[view], depths[view], conics[view], opacities[view], splats.colors, background
        )
        for view in range(cameras.num_views)
    ]
    return torch.stack([rgb for rgb, _ in rendered]), torch.stack([alpha for _, alpha in rendered])


def _composite(
    cameras: Cameras,
    centres: torch.Tensor,
    depths: torch.Tensor,
    conics: torch.Tensor,
    opacities: torch.Tensor,
    colors: torch.Tensor,
    background: tuple[float, float, float],
) -> tuple[torch.Tensor, torch.Tensor]:
    order = depths.argsort(stable=True)
    order = order[opacities[order] > 0]
    centres, conics, opacities = centres[order], conics[order], opacities[order]
    colors = colors[order].double().clamp_min(0.0)
    columns = torch.arange(cameras.width, dtype=torch.float64) + 0.5
    dx = columns - centres[:, :1]  # [splats, width]
    lines = []
    for line in range(cameras.height):
        dy = line + 0.5 - centres[:, 1:]  # [splats, 1]
        sigma = 0.5 * (conics[:, :1] * dx**2 + conics[:, 2:] * dy**2) + conics[:, 1:2] * dx * dy
        alpha = (opacities[:, None] * torch.exp(-sigma)).clamp_max(0.999)
        alpha = torch.where(alpha >= 1.0 / 255.0, alpha, 0.0)
        after = torch.cumprod(1.0 - alpha, dim=0)
        alpha = torch.where(after > 1e-4, alpha, 0.0)  # a pixel is finished before it gets any darker
        after = torch.cumprod(1.0 - alpha, dim=0)
        before = torch.cat([torch.ones(1, cameras.width, dtype=torch.float64), after[:-1]])
        lines.append(torch.cat([(alpha * before).T @ colors, after[-1:].T], dim=1))
    picture = torch.stack(lines)  # [height, width, 3 colours and the light left]
    light = picture[..., 3:]
    return picture[..., :3] + light * torch.tensor(background, dtype=torch.float64), 1.0 - light[..., 0]
