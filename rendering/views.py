"""What splat renderers give back, and what both of them need; `rendering.renderer` chooses one."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from models.gaussians.gaussians import Gaussians

EPS2D = 0.3  # square pixels added to the diagonal of every projected covariance
WHITE = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedViews:
    """Float renders.

    Attributes:
        rgb: Colour over the background, not clamped.
        alpha: Coverage, 0 to 1.
    """

    rgb: Float[Tensor, "views height width 3"]
    alpha: Float[Tensor, "views height width"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SplatWeights:
    """How much of each splat is seen. Its share in a pixel is what its colour is multiplied with there.

    Attributes:
        sums: Pictures' values at a splat's pixels times its shares there, over all views.
        shares: The shares alone, in pixels.
        rgb: The views themselves, over white.
    """

    sums: Float[Tensor, "splats 3"]
    shares: Float[Tensor, " splats"]
    rgb: Float[Tensor, "views height width 3"]


def one_splat() -> Gaussians:
    """A small white ball at the origin, for warming up."""
    return Gaussians(
        means=torch.zeros(1, 3),
        scales=torch.full((1, 3), 0.1),
        quats_wxyz=torch.tensor([[1.0, 0.0, 0.0, 0.0]]),
        opacities=torch.ones(1),
        colors=torch.ones(1, 3),
    )


def quantize(rgb: Float[Tensor, "*dims"]) -> UInt8[Tensor, "*dims"]:
    """Colours in 0..1 to 8 bits, rounded to nearest."""
    return (rgb * 255.0).round_().clamp_(0.0, 255.0).to(torch.uint8)
