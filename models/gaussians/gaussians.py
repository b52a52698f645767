"""3D Gaussian splats with activated values.

Logits and logarithms exist only in the PLY format (see `export.ply`). Colour is spherical-harmonics degree 0:
`color = 0.5 + SH_C0 * f_dc`, kept unclipped so that writing and reading a PLY loses nothing.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

SH_C0 = 0.28209479177387814


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaussians:
    """One object's splats.

    Attributes:
        means: Centres in world units.
        scales: Standard deviations along the splat's own axes, world units.
        quats_wxyz: Unit quaternions (w, x, y, z), splat axes to world.
        opacities: Peak opacity, 0 to 1.
        colors: RGB, 0 to 1 after clipping, not clipped here.
    """

    means: Float[Tensor, "splats 3"]
    scales: Float[Tensor, "splats 3"]
    quats_wxyz: Float[Tensor, "splats 4"]
    opacities: Float[Tensor, "splats"]
    colors: Float[Tensor, "splats 3"]

    @property
    def num_splats(self) -> int:
        """Rows of every field."""
        return self.means.shape[0]

    def to(self, device: torch.device | str) -> "Gaussians":
        """The same splats on another device."""
        return Gaussians(
            means=self.means.to(device),
            scales=self.scales.to(device),
            quats_wxyz=self.quats_wxyz.to(device),
            opacities=self.opacities.to(device),
            colors=self.colors.to(device),
        )

    def scaled(self, factor: float) -> "Gaussians":
        """The same object, so many times as large."""
        if factor == 1.0:
            return self
        return replace(self, means=self.means * factor, scales=self.scales * factor)

    def select(self, index: Bool[Tensor, "splats"] | Int[Tensor, "kept"]) -> "Gaussians":
        """The splats that a boolean mask or an index names, in that order."""
        if index.dtype == torch.bool:  # once for all fields: on a GPU each search is a wait
            (index,) = index.nonzero(as_tuple=True)
        return Gaussians(
            means=self.means[index],
            scales=self.scales[index],
            quats_wxyz=self.quats_wxyz[index],
            opacities=self.opacities[index],
            colors=self.colors[index],
        )
