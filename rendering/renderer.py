"""What a splat renderer is, and the choice of one for a device.

Both renderers follow gsplat 1.5.3: EWA projection with 0.3 square pixels of blur, splats sorted by the depth
of their centres, alpha capped at 0.999, contributions below 1/255 dropped, a pixel finished below a
transmittance of 1e-4. Colours are clamped below at 0 before blending (as spherical harmonics are) and to 0..1
when quantised.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from models.gaussians.gaussians import Gaussians
from rendering.cameras import Cameras

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


class SplatRenderer(Protocol):
    """Renders splats from cameras; the result lies on the renderer's device."""

    def warm_up(self) -> None:
        """Compile or load machine code ahead of the first request."""
        ...

    def render(
        self, gaussians: Gaussians, cameras: Cameras, background: Sequence[float] = WHITE
    ) -> UInt8[Tensor, "views height width 3"]:
        """8-bit colour over `background` (RGB, 0 to 1)."""
        ...

    def render_float(
        self, gaussians: Gaussians, cameras: Cameras, background: Sequence[float] = WHITE
    ) -> RenderedViews:
        """Unquantised colour and coverage."""
        ...

    def weigh(
        self, gaussians: Gaussians, cameras: Cameras, pictures: Float[Tensor, "views height width 3"]
    ) -> SplatWeights:
        """The transpose of rendering: what pictures show where each splat is seen."""
        ...


def create_renderer(
    device: torch.device | str, *, antialiased: bool = False, num_threads: int | None = None
) -> SplatRenderer:
    """The renderer for a device: gsplat on CUDA, the tile rasteriser on the CPU.

    Args:
        device: Where to render.
        antialiased: Scale opacities down by what the blur adds to small splats; the validator does not.
        num_threads: Threads of the CPU rasteriser; None takes torch's number.

    Raises:
        ValueError: For a device that is neither CUDA nor the CPU.
    """
    device = torch.device(device)
    if device.type == "cuda":
        from rendering.gsplat_renderer import GsplatRenderer  # compiles or loads CUDA code when imported

        return GsplatRenderer(device=device, antialiased=antialiased)
    if device.type == "cpu":
        from rendering.tile_rasterizer import TileRasterizer  # imports numba

        return TileRasterizer(antialiased=antialiased, num_threads=num_threads)
    raise ValueError(f"no splat renderer for device {device}")


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
