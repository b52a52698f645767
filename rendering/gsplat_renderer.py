"""Splat renderer for CUDA: gsplat's rasteriser with its defaults, which are the validator's.

Importing gsplat compiles its CUDA extension unless a build for this torch and GPU exists; images that serve
bring one along.
"""

from collections.abc import Sequence

import torch
from gsplat import rasterization
from jaxtyping import Float, UInt8
from torch import Tensor

from models.gaussians.gaussians import Gaussians
from rendering.cameras import Cameras, orbit
from rendering.views import EPS2D, WHITE, RenderedViews, SplatWeights, one_splat, quantize


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
        backdrop = torch.tensor(background, dtype=torch.float32, device=self.device)
        rgb, alpha = self._rasterized(gaussians, cameras, gaussians.colors.float().clamp_min(0.0))
        # gsplat 1.5.3 refuses `backgrounds` in packed mode, its default, so the backdrop is added here
        return RenderedViews(rgb=rgb + (1 - alpha) * backdrop, alpha=alpha[..., 0])

    @torch.inference_mode(False)
    def weigh(
        self, gaussians: Gaussians, cameras: Cameras, pictures: Float[Tensor, "views height width 3"]
    ) -> SplatWeights:
        """The transpose of rendering, on the device.

        A picture is linear in the splats' colours, so this is its gradient; gsplat adds it up in any order.
        """
        shown = torch.nn.functional.pad(pictures.to(self.device), (0, 1), value=1.0).clone()
        splats = Gaussians(  # tensors of inference mode cannot be saved for a gradient
            means=gaussians.means.clone(),
            scales=gaussians.scales.clone(),
            quats_wxyz=gaussians.quats_wxyz.clone(),
            opacities=gaussians.opacities.clone(),
            colors=gaussians.colors.clone(),
        )
        with torch.enable_grad():
            colors = torch.nn.functional.pad(splats.colors.to(self.device).float().clamp_min(0.0), (0, 1))
            colors.requires_grad_()
            views, alpha = self._rasterized(splats, cameras, colors)
            (weights,) = torch.autograd.grad(views, colors, shown)
        return SplatWeights(
            sums=weights[:, :3], shares=weights[:, 3], rgb=(views[..., :3] + 1 - alpha).detach()
        )

    def _rasterized(
        self, gaussians: Gaussians, cameras: Cameras, colors: Float[Tensor, "splats channels"]
    ) -> tuple[Float[Tensor, "views height width channels"], Float[Tensor, "views height width 1"]]:
        """Colours times coverage, and coverage."""
        splats, cameras = gaussians.to(self.device), cameras.to(self.device)
        views, alpha, _ = rasterization(
            means=splats.means.float().contiguous(),
            quats=splats.quats_wxyz.float().contiguous(),
            scales=splats.scales.float().contiguous(),
            opacities=splats.opacities.float().contiguous(),
            colors=colors.to(self.device).contiguous(),
            viewmats=cameras.view_matrices.contiguous(),
            Ks=cameras.intrinsics.contiguous(),
            width=cameras.width,
            height=cameras.height,
            eps2d=EPS2D,
            rasterize_mode="antialiased" if self.antialiased else "classic",
        )
        return views, alpha
