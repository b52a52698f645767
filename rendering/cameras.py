"""Pinhole cameras on orbits around the origin.

World space is "validator" space: +Y up, the object's front faces +Z. Camera space is OpenCV's: x right, y
down, z forward. Azimuth 0 stands in front of the object (on +Z), growing azimuths walk towards +X; positive
elevations look down on the object. Pixel (0, 0)'s centre is at (0.5, 0.5).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

GOLDEN_ANGLE_DEGREES = 137.50776405003785
AROUND_DISTANCE = 4.0  # of the cameras all around, in radii of the object
AROUND_MARGIN = 1.05  # around the object's ball in their pictures


@dataclass(frozen=True, slots=True, kw_only=True)
class Cameras:
    """A batch of pinhole cameras that share an image size.

    Attributes:
        view_matrices: World to camera, OpenCV axes.
        intrinsics: Focal lengths and principal points in pixels.
        width: Image width in pixels.
        height: Image height in pixels.
    """

    view_matrices: Float[Tensor, "views 4 4"]
    intrinsics: Float[Tensor, "views 3 3"]
    width: int
    height: int

    @property
    def num_views(self) -> int:
        """Number of cameras."""
        return self.view_matrices.shape[0]

    def to(self, device: torch.device | str) -> "Cameras":
        """The same cameras on another device."""
        return Cameras(
            view_matrices=self.view_matrices.to(device),
            intrinsics=self.intrinsics.to(device),
            width=self.width,
            height=self.height,
        )

    def batches(self, num_views: int) -> Iterator["Cameras"]:
        """The same cameras in order, at most `num_views` at a time: a long path then needs little memory."""
        for start in range(0, self.num_views, num_views):
            yield Cameras(
                view_matrices=self.view_matrices[start : start + num_views],
                intrinsics=self.intrinsics[start : start + num_views],
                width=self.width,
                height=self.height,
            )


def orbit(
    num_views: int | None = None,
    *,
    azimuths_degrees: Sequence[float] | None = None,
    elevation_degrees: float | Sequence[float] = 15.0,
    radius: float = 2.5,
    fov_y_degrees: float = 49.1,
    size: int | tuple[int, int] = 512,
) -> Cameras:
    """Cameras on a sphere around the origin, all looking at it.

    Args:
        num_views: So many azimuths, evenly spread over a full turn from 0; or else give `azimuths_degrees`.
        azimuths_degrees: The azimuths themselves.
        elevation_degrees: One elevation, or one per azimuth; strictly between -90 and 90.
        radius: Distance from the origin, world units.
        fov_y_degrees: Vertical field of view.
        size: Image size in pixels: the side of a square, or (width, height).

    Raises:
        ValueError: For a value out of range, or both or none of `num_views` and `azimuths_degrees`.
    """
    azimuths = _azimuths_degrees(num_views, azimuths_degrees)
    if isinstance(elevation_degrees, int | float):
        elevation_degrees = [elevation_degrees] * len(azimuths)
    width, height = (size, size) if isinstance(size, int) else size
    if len(elevation_degrees) != len(azimuths):
        raise ValueError(f"{len(elevation_degrees)} elevations for {len(azimuths)} azimuths")
    if not all(-90.0 < elevation < 90.0 for elevation in elevation_degrees):
        raise ValueError(f"elevations must lie strictly between -90 and 90 degrees: {elevation_degrees}")
    if radius <= 0.0 or not 0.0 < fov_y_degrees < 180.0 or width < 1 or height < 1:
        raise ValueError(f"bad camera: radius {radius}, fov_y {fov_y_degrees}, {width}x{height} pixels")
    views = [_look_at_origin(*angles, radius) for angles in zip(azimuths, elevation_degrees, strict=True)]
    focal = 0.5 * height / math.tan(math.radians(fov_y_degrees) / 2.0)
    intrinsics = torch.tensor([[focal, 0.0, width / 2.0], [0.0, focal, height / 2.0], [0.0, 0.0, 1.0]])
    return Cameras(
        view_matrices=torch.stack(views),
        intrinsics=intrinsics.expand(len(views), 3, 3).contiguous(),
        width=width,
        height=height,
    )


def around(radius: float, *, num_views: int, size: int) -> Cameras:
    """Cameras spread evenly over all directions, whose pictures a ball around the origin fills.

    Args:
        radius: Of the ball, world units.
        num_views: How many there are, on a spiral from above to below.
        size: Side of a picture in pixels.
    """
    heights = [1 - (2 * view + 1) / num_views for view in range(num_views)]
    return orbit(
        azimuths_degrees=[GOLDEN_ANGLE_DEGREES * view for view in range(num_views)],
        elevation_degrees=[math.degrees(math.asin(height)) for height in heights],
        radius=AROUND_DISTANCE * radius,
        fov_y_degrees=2 * math.degrees(math.asin(AROUND_MARGIN / AROUND_DISTANCE)),
        size=size,
    )


def _azimuths_degrees(num_views: int | None, azimuths_degrees: Sequence[float] | None) -> list[float]:
    if (num_views is None) == (azimuths_degrees is None):
        raise ValueError("give either num_views or azimuths_degrees")
    azimuths = [float(azimuth) for azimuth in azimuths_degrees or ()]
    if num_views is not None:
        azimuths = [360.0 * view / num_views for view in range(num_views)]
    if not azimuths:
        raise ValueError("an orbit needs at least one view")
    return azimuths


def _look_at_origin(azimuth_degrees: float, elevation_degrees: float, radius: float) -> Float[Tensor, "4 4"]:
    sin_a, cos_a = math.sin(math.radians(azimuth_degrees)), math.cos(math.radians(azimuth_degrees))
    sin_e, cos_e = math.sin(math.radians(elevation_degrees)), math.cos(math.radians(elevation_degrees))
    return torch.tensor(
        [
            [cos_a, 0.0, -sin_a, 0.0],  # right
            [sin_e * sin_a, -cos_e, sin_e * cos_a, 0.0],  # down
            [-cos_e * sin_a, -sin_e, -cos_e * cos_a, radius],  # forward, from the camera to the origin
            [0.0, 0.0, 0.0, 1.0],
        ]
    )
