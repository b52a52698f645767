"""Gaussian decoder: structured latents to 3D Gaussians, a fixed number per voxel (TRELLIS, section 3.1).

    trunk -> LN -> Linear(C, 14 n), per voxel: offset 3n | f_dc 3n | scale 3n | rotation 4n | opacity n

and inside each part [n, k], k fastest.

World space is TRELLIS's cube [-0.5, 0.5]^3, z up.
"""

import math
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from models.gaussians.gaussians import SH_C0, Gaussians
from models.latents.trunk import LatentDecoder, LatentDecoderConfig
from models.layers import FINAL_EPS, layer_norm
from models.sparse import SparseTensor, VoxelGrid
from models.transfer import to_device_async


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianParametrization:
    """How raw features become splats.

    Attributes:
        num_gaussians: Splats a voxel, n.
        voxel_size: Reach of a splat's offset; 1 is the voxel itself.
        min_scale: Standard deviation below which no splat gets, world units (published:
            3d_filter_kernel_size).
        scale_bias: Standard deviation at raw value 0, world units.
        opacity_bias: Opacity at raw value 0.
        perturb_offset: Start the slots at spread-out places in their voxel.
        lr_*: Factors on the raw values.
    """

    num_gaussians: int
    voxel_size: float = 1.5
    min_scale: float = 9e-4
    scale_bias: float = 4e-3
    opacity_bias: float = 0.1
    perturb_offset: bool = True
    lr_offset: float = 1.0
    lr_color: float = 1.0
    lr_scale: float = 1.0
    lr_rotation: float = 0.1
    lr_opacity: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianDecoderConfig:
    """The trunk's sizes and the meaning of the output."""

    trunk: LatentDecoderConfig
    gaussians: GaussianParametrization = field(
        default_factory=lambda: GaussianParametrization(num_gaussians=32)
    )


class GaussianDecoder(LatentDecoder):
    """Raw splat parameters from latents; `to_gaussians` makes splats of them."""

    offset_perturbation: Tensor

    def __init__(self, config: GaussianDecoderConfig) -> None:
        super().__init__(config.trunk)
        self.config = config
        num = config.gaussians.num_gaussians
        self.out_layer = nn.Linear(config.trunk.model_channels, 14 * num)
        with torch.device("cpu"):  # on meta, where modules are built, this would import torch's compiler
            offsets = offset_perturbation(num, config.gaussians.voxel_size)
        self.register_buffer("offset_perturbation", offsets)

    def forward(self, x: SparseTensor) -> Float[Tensor, "voxels parameters"]:
        return self.head(self.trunk(x))

    def head(self, h: Float[Tensor, "voxels channels"]) -> Float[Tensor, "voxels parameters"]:
        """Raw parameters of the trunk's features."""
        raw: Tensor = self.out_layer(layer_norm(h.float(), FINAL_EPS))
        return raw

    def to_gaussians(self, raw: Float[Tensor, "voxels parameters"], grid: VoxelGrid) -> list[Gaussians]:
        """One set of splats per object, voxel by voxel."""
        raws, coords = torch.split(raw, grid.counts), torch.split(grid.coords[:, 1:], grid.counts)
        return [self.splats(*voxels) for voxels in zip(raws, coords, strict=True)]

    def splats(self, raw: Float[Tensor, "voxels parameters"], coords: Int[Tensor, "voxels 3"]) -> Gaussians:
        """Splats of the voxels at `coords` (x, y, z), differentiable in `raw`."""
        p, resolution = self.config.gaussians, self.config.trunk.resolution
        n = p.num_gaussians
        sizes = [3 * n, 3 * n, 3 * n, 4 * n, n]
        offset, f_dc, scale, rotation, opacity = (
            part.reshape(len(raw), n, -1) for part in torch.split(raw.float(), sizes, dim=1)
        )
        offset = offset * p.lr_offset + (self.offset_perturbation if p.perturb_offset else 0)
        centre = (coords[:, None] + 0.5) / resolution - 0.5
        means = centre + torch.tanh(offset) * (0.5 * p.voxel_size / resolution)
        scales = F.softplus(scale * p.lr_scale + _inverse_softplus(p.scale_bias))
        identity = to_device_async([1.0, 0.0, 0.0, 0.0], raw.device)
        logit = opacity * p.lr_opacity + math.log(p.opacity_bias / (1 - p.opacity_bias))
        return Gaussians(
            means=means.flatten(0, 1),
            scales=torch.sqrt(scales**2 + p.min_scale**2).flatten(0, 1),
            quats_wxyz=F.normalize(rotation * p.lr_rotation + identity, dim=2).flatten(0, 1),
            opacities=torch.sigmoid(logit).flatten(),
            colors=(0.5 + SH_C0 * (f_dc * p.lr_color)).flatten(0, 1),
        )


def offset_perturbation(num: int, voxel_size: float) -> Float[Tensor, "num 3"]:
    """Raw offsets whose tanh spreads the slots over a voxel: a Hammersley set, scaled into the reach."""
    points = [(i / num, _radical_inverse(2, i), _radical_inverse(3, i)) for i in range(num)]
    return torch.atanh((torch.tensor(points) * 2 - 1) / voxel_size)


def _radical_inverse(base: int, index: int) -> float:
    """The digits of `index` mirrored at the point (van der Corput)."""
    value, unit = 0.0, 1.0 / base
    while index:
        index, digit = divmod(index, base)
        value += digit * unit
        unit /= base
    return value


def _inverse_softplus(y: float) -> float:
    return y + math.log(-math.expm1(-y))
