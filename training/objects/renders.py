"""Ground-truth renders of coloured geometries, on the GPU with gsplat, in batches.

Each surface point is a flat splat lying in the surface. Many objects are drawn in one call: all have
equally many points.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import gsplat
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.gaussians.gaussians import Gaussians
from training.objects.dataset import Geometries

FLATNESS = 0.15
SHADE_UNIT = 160.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """Pinhole cameras around the origin of the object space (z up, front to -y).

    Attributes:
        world_to_camera: OpenCV convention (x right, y down, z forward).
    """

    world_to_camera: Float[Tensor, "batch views 4 4"]
    intrinsics: Float[Tensor, "batch views 3 3"]
    size: int


def orbit_views(
    yaw_degrees: Float[Tensor, "batch views"],
    elevation_degrees: Float[Tensor, "batch views"],
    *,
    radius: float = 2.0,
    fov_degrees: float = 40.0,
    size: int,
    zoom: Float[Tensor, "batch views"] | None = None,
) -> Views:
    """Cameras looking at the origin; yaw 0 sees the front, positive yaw moves the camera to the object's
    +x.
    """
    yaw, elevation = torch.deg2rad(yaw_degrees), torch.deg2rad(elevation_degrees)
    zero = torch.zeros_like(yaw)
    right = torch.stack([yaw.cos(), yaw.sin(), zero], -1)
    forward = torch.stack([-yaw.sin() * elevation.cos(), yaw.cos() * elevation.cos(), -elevation.sin()], -1)
    down = torch.linalg.cross(forward, right)
    rotation = torch.stack([right, down, forward], -2)
    matrix = torch.eye(4, device=yaw.device).repeat(*yaw.shape, 1, 1)
    matrix[..., :3, :3] = rotation
    matrix[..., 2, 3] = radius
    focal = (
        0.5 * size / np.tan(np.radians(fov_degrees) / 2) * (torch.ones_like(yaw) if zoom is None else zoom)
    )
    intrinsics = torch.zeros(*yaw.shape, 3, 3, device=yaw.device)
    intrinsics[..., 0, 0] = intrinsics[..., 1, 1] = focal
    intrinsics[..., :2, 2] = size / 2
    intrinsics[..., 2, 2] = 1
    return Views(world_to_camera=matrix, intrinsics=intrinsics, size=size)


class ObjectRenderer:
    """Draws rows of a data set in any colouring."""

    def __init__(self, geometries: Geometries) -> None:
        self.geometries = geometries

    def point_colors(
        self, rows: Int[Tensor, "batch"], part_colors: Float[Tensor, "batch parts 3"]
    ) -> Float[Tensor, "batch points 3"]:
        """Shaded colour of every surface point, 0 to 1."""
        return self.shaded(rows, self.flat_colors(rows, part_colors))

    def flat_colors(
        self, rows: Int[Tensor, "batch"], part_colors: Float[Tensor, "batch parts 3"]
    ) -> Float[Tensor, "batch points 3"]:
        """The colour of its part at every surface point."""
        parts = self.geometries.parts[rows].long()
        return part_colors.gather(1, parts[..., None].expand(-1, -1, 3))

    def shaded(
        self, rows: Int[Tensor, "batch"], flat: Float[Tensor, "batch points 3"]
    ) -> Float[Tensor, "batch points 3"]:
        """Point colours with their baked light, 0 to 1."""
        return (flat * (self.geometries.shades[rows].float() / SHADE_UNIT)[..., None]).clamp(0, 1)

    def splats(self, rows: Int[Tensor, "batch"]) -> tuple[Tensor, Tensor, Tensor]:
        """Means [batch, points, 3], quaternions wxyz [batch, points, 4] and scales [batch, points, 3]."""
        normals = self.geometries.normals[rows].float() / 127
        radii = self.geometries.radii[rows].float()
        scales = torch.stack([radii, radii, radii * FLATNESS], -1)
        return self.geometries.positions[rows].float(), quaternion_to(normals), scales

    def render(
        self, rows: Int[Tensor, "batch"], part_colors: Float[Tensor, "batch parts 3"], views: Views
    ) -> Float[Tensor, "batch views height width 4"]:
        """RGBA, premultiplied by alpha, 0 to 1."""
        return self.render_points(rows, self.point_colors(rows, part_colors), views)

    def render_points(
        self, rows: Int[Tensor, "batch"], colors: Float[Tensor, "batch points 3"], views: Views
    ) -> Float[Tensor, "batch views height width 4"]:
        """As `render`, with a colour of its own for every surface point."""
        means, quats, scales = self.splats(rows)
        opacities = torch.full(means.shape[:2], 0.99, device=means.device)
        return render_splats(means, quats, scales, opacities, colors, views)


def render_splats(
    means: Float[Tensor, "batch points 3"],
    quats_wxyz: Float[Tensor, "batch points 4"],
    scales: Float[Tensor, "batch points 3"],
    opacities: Float[Tensor, "batch points"],
    colors: Float[Tensor, "batch points 3"],
    views: Views,
) -> Float[Tensor, "batch views height width 4"]:
    """Differentiable RGBA, premultiplied by alpha."""
    color, alpha, _ = gsplat.rasterization(
        means,
        quats_wxyz,
        scales,
        opacities,
        colors,
        views.world_to_camera,
        views.intrinsics,
        views.size,
        views.size,
        near_plane=0.1,
        packed=False,
    )
    return torch.cat([color, alpha], -1)


def render_gaussians(
    gaussians: Sequence[Gaussians], views: Views
) -> Float[Tensor, "batch views height width 4"]:
    """Differentiable RGBA of objects with different splat counts: padded with transparent splats."""
    count = max(g.num_splats for g in gaussians)

    def pad(values: list[Tensor], fill: float) -> Tensor:
        return torch.stack(
            [
                torch.nn.functional.pad(v, (0, 0) * (v.dim() - 1) + (0, count - v.shape[0]), value=fill)
                for v in values
            ]
        )

    return render_splats(
        pad([g.means for g in gaussians], 0.0),
        pad([g.quats_wxyz for g in gaussians], 1.0),
        pad([g.scales for g in gaussians], 1e-4),
        pad([g.opacities for g in gaussians], 0.0),
        pad([g.colors for g in gaussians], 0.0),
        views,
    )


def quaternion_to(normals: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 4"]:
    """Quaternions (w, x, y, z) that turn the z axis onto unit normals."""
    w = 1 + normals[..., 2]
    flipped = w < 1e-4
    quats = torch.stack([w, -normals[..., 1], normals[..., 0], torch.zeros_like(w)], -1)
    quats = torch.where(flipped[..., None], torch.tensor([0.0, 1.0, 0.0, 0.0], device=normals.device), quats)
    return torch.nn.functional.normalize(quats, dim=-1)
