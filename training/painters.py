"""Painters for `training.pictures`: gsplat on the GPU, and points on the CPU for smoke runs."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from training.degrade import Degrader
from training.objects.cloud import build_cloud
from training.objects.dataset import load_geometries
from training.objects.kind import Kind
from training.objects.renders import ObjectRenderer, Views, orbit_views, render_splats
from training.pictures import Angles, Painter

SMOKE_POINTS = 2048
FOV_DEGREES = 40.0


class SplatPainter:
    """Draws with gsplat.

    Args:
        degrader: Spoils the splats of each picture first. fill: When given, pictures are centred on the
        object and zoomed until it spans this share of the side (times
            the view's own zoom).
    """

    def __init__(
        self, renderer: ObjectRenderer, degrader: Degrader | None = None, fill: float | None = None
    ) -> None:
        self._renderer = renderer
        self._degrader = degrader
        self._fill = fill

    def paint(
        self, rows: Int[Tensor, "batch"], palettes: Float[Tensor, "batch parts 3"], angles: Angles, size: int
    ) -> Float[Tensor, "batch height width 4"]:
        """See `training.pictures.Painter`."""
        device = palettes.device
        means, quats, scales = self._renderer.splats(rows)
        colors = self._renderer.point_colors(rows, palettes)
        opacities = torch.full(means.shape[:2], 0.99, device=device)
        if self._degrader is not None:
            means, scales, opacities, colors = self._degrader.spoil(means, scales, opacities, colors)
        views = orbit_views(
            angles.yaw[:, None].to(device),
            angles.elevation[:, None].to(device),
            zoom=angles.zoom[:, None].to(device),
            fov_degrees=FOV_DEGREES,
            size=size,
        )
        if self._fill is not None:
            views = framed(means, views, self._fill)
        return render_splats(means, quats, scales, opacities, colors, views)[:, 0]


class PointPainter:
    """Draws single points on the CPU: enough to run every line of a training script."""

    def __init__(self, kinds: Sequence[Kind], per_kind: int) -> None:
        clouds = [build_cloud(kind, seed, SMOKE_POINTS) for kind in kinds for seed in range(per_kind)]
        self._positions = torch.from_numpy(np.stack([cloud.positions for cloud in clouds])).float()
        self._parts = torch.from_numpy(np.stack([cloud.parts for cloud in clouds])).long()
        self.kind_of_row = np.repeat(np.arange(len(kinds)), per_kind)

    def paint(
        self, rows: Int[Tensor, "batch"], palettes: Float[Tensor, "batch parts 3"], angles: Angles, size: int
    ) -> Float[Tensor, "batch height width 4"]:
        """See `training.pictures.Painter`."""
        batch, device = len(rows), palettes.device
        rows, palettes = rows.cpu(), palettes.cpu()
        yaw = torch.deg2rad(angles.yaw)[:, None]
        position = self._positions[rows]
        across = position[..., 0] * yaw.cos() + position[..., 1] * yaw.sin()
        column = ((across / 1.4 + 0.5) * size).long().clamp(0, size - 1)
        row = ((0.5 - position[..., 2] / 1.4) * size).long().clamp(0, size - 1)
        image = torch.zeros(batch, size * size, 4)
        color = palettes.gather(1, self._parts[rows][..., None].expand(-1, -1, 3))
        rgba = torch.cat([color, torch.ones_like(color[..., :1])], -1)
        image.scatter_(1, (row * size + column)[..., None].expand(-1, -1, 4), rgba)
        return image.reshape(batch, size, size, 4).to(device)


def framed(means: Float[Tensor, "batch points 3"], views: Views, fill: float) -> Views:
    """The same single views, centred on the projected points, zoomed until they span `fill` of it."""
    matrix = views.world_to_camera[:, 0]
    seen = means @ matrix[:, :3, :3].transpose(1, 2) + matrix[:, None, :3, 3]
    slopes = seen[..., :2] / seen[..., 2:]
    low, high = slopes.amin(1), slopes.amax(1)
    middle = (low + high) / 2
    span = (high - low).amax(1)
    zoom = views.intrinsics[:, 0, 0, 0] / (0.5 * views.size / math.tan(math.radians(FOV_DEGREES) / 2))
    focal = fill * views.size / span * zoom
    intrinsics = torch.zeros_like(views.intrinsics)
    intrinsics[:, 0, 0, 0] = intrinsics[:, 0, 1, 1] = focal
    intrinsics[:, 0, :2, 2] = views.size / 2 - middle * focal[:, None]
    intrinsics[:, 0, 2, 2] = 1
    return Views(world_to_camera=views.world_to_camera, intrinsics=intrinsics, size=views.size)


def load_painter(
    geometries: Path, device: torch.device, degrader: Degrader | None = None, fill: float | None = None
) -> tuple[Painter, Int[np.ndarray, "rows"]]:
    """The gsplat painter of a data set folder, and the kind index of each of its rows."""
    data = load_geometries(geometries, device)
    return SplatPainter(ObjectRenderer(data), degrader, fill), data.kinds.cpu().numpy()
