"""Conditioning images for training: what the image encoder will see of a generated picture, with its flaws.

A three-quarter view is drawn, cropped around its alpha as `models.conditioning` crops a matted picture,
put on black and disturbed: blur, noise, colour casts, soft or eroded mattes with some of the backdrop
left, imprecise crops.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from training.objects.renders import ObjectRenderer, orbit_views
from training.pictures import BACKDROP

YAW_DEGREES = (10.0, 55.0)
ELEVATION_DEGREES = (7.0, 30.0)
CROP_MARGIN = 1.2
MATTE_THRESHOLD = 0.8
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def conditioning_images(
    renderer: ObjectRenderer,
    rows: Int[Tensor, "batch"],
    colors: Float[Tensor, "batch points 3"],
    size: int,
) -> Float[Tensor, "batch 3 size size"]:
    """Normalised encoder inputs of coloured geometries, from random three-quarter views."""
    batch, device = len(rows), colors.device
    views = orbit_views(
        _uniform((batch, 1), *YAW_DEGREES, device),
        _uniform((batch, 1), *ELEVATION_DEGREES, device),
        size=size,
        zoom=_uniform((batch, 1), 0.95, 1.25, device),
    )
    with torch.no_grad():
        rgba = renderer.render_points(rows, colors, views)[:, 0].permute(0, 3, 1, 2)
        return normalized(disturbed(crop_to_object(blurred(rgba), size)))


def crop_to_object(rgba: Float[Tensor, "batch 4 h w"], size: int) -> Float[Tensor, "batch 4 size size"]:
    """The square around each matte, 1.2 times its larger side, with a little random imprecision."""
    side = rgba.shape[-1]
    mask = rgba[:, 3] > MATTE_THRESHOLD
    x0, x1 = _extent(mask.any(1), side)
    y0, y1 = _extent(mask.any(2), side)
    center = torch.stack([(x0 + x1) / 2, (y0 + y1) / 2], -1)
    half = torch.maximum(x1 - x0, y1 - y0) * CROP_MARGIN / 2
    half = half * _uniform(half.shape, 0.96, 1.04, rgba.device)
    center = center + half[:, None] * _uniform((len(half), 2), -0.04, 0.04, rgba.device)
    theta = torch.zeros(len(rgba), 2, 3, device=rgba.device)
    theta[:, 0, 0] = theta[:, 1, 1] = half / (side / 2)
    theta[:, :, 2] = (center + 0.5) / (side / 2) - 1
    grid = F.affine_grid(theta, [len(rgba), 4, size, size], align_corners=False)
    return F.grid_sample(rgba, grid, align_corners=False)


def blurred(rgba: Float[Tensor, "batch 4 h w"]) -> Float[Tensor, "batch 4 h w"]:
    """Each image at its own sharpness, from crisp to half the resolution."""
    soft = F.interpolate(F.avg_pool2d(rgba, 2), scale_factor=2, mode="bilinear")
    softer = F.interpolate(F.avg_pool2d(soft, 3, stride=1, padding=1), scale_factor=1.0)
    share = torch.rand(len(rgba), 1, 1, 1, device=rgba.device)
    choice = torch.rand(len(rgba), 1, 1, 1, device=rgba.device)
    return torch.where(choice < 0.5, rgba.lerp(soft, share), soft.lerp(softer, share))


def disturbed(rgba: Float[Tensor, "batch 4 h w"]) -> Float[Tensor, "batch 3 h w"]:
    """On black, with an imprecise matte, colour casts and noise."""
    batch, device = len(rgba), rgba.device
    alpha = rgba[:, 3:]
    gain = _uniform((batch, 1, 1, 1), 0.8, 1.6, device)
    matte = ((alpha - 0.5) * gain + 0.5 + _uniform((batch, 1, 1, 1), -0.2, 0.2, device)).clamp(0, 1) * (
        alpha > 0.02
    )
    backdrop = torch.tensor(BACKDROP, device=device)[:, None, None] * _uniform(
        (batch, 1, 1, 1), 0.7, 1.1, device
    )
    straight = rgba[:, :3] + (1 - alpha) * backdrop
    cast = _uniform((batch, 3, 1, 1), 0.95, 1.05, device) * _uniform((batch, 1, 1, 1), 0.92, 1.08, device)
    coarse = F.interpolate(torch.randn(batch, 3, 28, 28, device=device), size=rgba.shape[-1], mode="bilinear")
    noise = (torch.randn_like(straight) + coarse) * _uniform((batch, 1, 1, 1), 0.0, 0.03, device)
    return ((straight * cast + noise).clamp(0, 1) * matte).clamp(0, 1)


def normalized(rgb: Float[Tensor, "batch 3 h w"]) -> Float[Tensor, "batch 3 h w"]:
    mean = torch.tensor(IMAGENET_MEAN, device=rgb.device)[:, None, None]
    std = torch.tensor(IMAGENET_STD, device=rgb.device)[:, None, None]
    return (rgb - mean) / std


def _extent(occupied: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """First and last true column of each row [batch, side]; the whole side where there is none."""
    index = torch.arange(side, device=occupied.device).float()
    first = torch.where(occupied, index, side).amin(1)
    last = torch.where(occupied, index, -1).amax(1)
    empty = last < 0
    return torch.where(empty, 0.0, first), torch.where(empty, side - 1.0, last)


def _uniform(shape: tuple[int, ...] | torch.Size, low: float, high: float, device: torch.device) -> Tensor:
    return low + (high - low) * torch.rand(shape, device=device)
