"""The published PLY's columns from splats, for comparison only; writing files is not this layer's business.

Columns: x y z, normals (0), f_dc (3), opacity logit, log scales (3), rotation (4); positions (x, -z, y).
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from models.conformance.report import Check, worst
from models.gaussians.gaussians import SH_C0, Gaussians

GROUPS = (slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 10), slice(10, 13), slice(13, 17))


def ply_check(metric: str, splats: Gaussians, expected: Float[Tensor, "splats 17"]) -> Check:
    """The worst relative rms of the column groups; quaternions may differ in sign."""
    columns = ply_columns(splats)
    sign = torch.sign((columns[:, GROUPS[-1]] * expected[:, GROUPS[-1]]).sum(dim=1, keepdim=True))
    columns[:, GROUPS[-1]] *= torch.where(sign == 0, 1.0, sign)
    return worst(metric, ((columns[:, group], expected[:, group]) for group in GROUPS))


def ply_columns(splats: Gaussians) -> Float[Tensor, "splats 17"]:
    """Splats in TRELLIS's space to rows of its PLY."""
    x, y, z = splats.means.unbind(dim=1)
    return torch.cat(
        [
            torch.stack([x, -z, y], dim=1),
            torch.zeros_like(splats.means),
            (splats.colors - 0.5) / SH_C0,
            torch.logit(splats.opacities)[:, None],
            splats.scales.log(),
            _rotated(splats.quats_wxyz),
        ],
        dim=1,
    )


def _rotated(quats_wxyz: Float[Tensor, "splats 4"]) -> Float[Tensor, "splats 4"]:
    """Turns by a quarter about x, (sqrt(1/2), sqrt(1/2), 0, 0) * q: what takes (x, y, z) to (x, -z, y)."""
    w, x, y, z = quats_wxyz.unbind(dim=1)
    return torch.stack([w - x, w + x, y - z, y + z], dim=1) * math.sqrt(0.5)
