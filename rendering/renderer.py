"""What a splat renderer is, and the choice of one for a device.

Both renderers follow gsplat 1.5.3: EWA projection with 0.3 square pixels of blur, splats sorted by the depth
of their centres, alpha capped at 0.999, contributions below 1/255 dropped, a pixel finished below a
transmittance of 1e-4. Colours are clamped below at 0 before blending (as spherical harmonics are) and to 0..1
when quantised.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from models.gaussians.gaussians import Gaussians
from rendering.cameras import Cameras
from rendering.views import WHITE, RenderedViews, SplatWeights


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
