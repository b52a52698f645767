"""Splat renderer for CUDA: gsplat's rasteriser with its defaults, which are the validator's.

Importing gsplat compiles its CUDA extension unless a build for this torch and card exists; images that serve
bring one along.
"""

from collections.abc import Sequence

import torch
from gsplat import rasterization
from jaxtyping import UInt8
from torch import Tensor

from models.gaussians.gaussians import Gaussians
from rendering.cameras import Cameras, orbit
from rendering.renderer import EPS2D, WHITE, RenderedViews, one_splat, quantize


class GsplatRenderer:
    """A `SplatRenderer` on a CUDA device."""

    def __init__(self, *, device: torch.device, antialiased: bool = False) -> None:
        """Choose the device and the mode.

        Args:
            device: A CUDA device.
            antialiased: Scale opacities down by what the blur adds to small splats.

        Raises:
            ValueError: For a device that is not CUDA.
        """
        if device.type != "cuda":
            raise ValueError(f"gsplat renders on CUDA only, not on {device}")
        self.device = device
        self.antialiased = antialiased

    def warm_up(self) -> None:
        """Load the CUDA code ahead of the first request."""
        self.render(one_splat(), orbit(1, size=16))
        torch.cuda.synchronize(self.device)

    def render(
        self, gaussians: Gaussians, cameras: Cameras, background: Sequence[float] = WHITE
    ) -> UInt8[Tensor, "views height width 3"]:
        """8-bit colour over `background`, on the device."""
        return quantize(self.render_float(gaussians, cameras, background).rgb)

    @torch.no_grad()
    def render_float(
        self, gaussians: Gaussians, cameras: Cameras, background: Sequence[float] = WHITE
    ) -> RenderedViews:
        """Unquantised colour and coverage, on the device."""
        splats, cameras = gaussians.to(self.device), cameras.to(self.device)
        backdrop = torch.tensor(background, dtype=torch.float32, device=self.device)
        rgb, alpha, _ = rasterization(
            means=splats.means.float().contiguous(),
            quats=splats.quats_wxyz.float().contiguous(),
            scales=splats.scales.float().contiguous(),
            opacities=splats.opacities.float().contiguous(),
            colors=splats.colors.float().clamp_min(0.0).contiguous(),
            viewmats=cameras.view_matrices.contiguous(),
            Ks=cameras.intrinsics.contiguous(),
            width=cameras.width,
            height=cameras.height,
            eps2d=EPS2D,
            rasterize_mode="antialiased" if self.antialiased else "classic",
        )
        # gsplat 1.5.3 refuses `backgrounds` in packed mode, its default, so the backdrop is added here
        return RenderedViews(rgb=rgb + (1 - alpha) * backdrop, alpha=alpha[..., 0])
