"""The views that an object is judged by: cameras, and how an object is placed before them.

    orbit       a few small views all around; the object in the middle and of the usual size, as ours are
    validator   what the subnet's validator renders; the object as it normalises it

The validator scales the box of all centres, strays included, to 1.5 and divides opacities by the same factor
(clipped to 0..1): an object of extent 1 is drawn at two thirds of its opacities, one of 1.5 as it is. It then
subtracts one number, the mean over all coordinates, from x, y and z alike. Its first and last view are the
same.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from models.gaussians.gaussians import Gaussians
from models.stopping import between_steps
from rendering.cameras import Cameras, orbit
from rendering.renderer import SplatRenderer

VIEWS_AT_ONCE = 8  # all of them together would take a GiB of a GPU for half a million splats
USUAL_EXTENT = 1.5  # of our objects and of those that the validator has normalised
AS_GOOD_AS = 1e-3  # world units, of the usual place and size
VALIDATOR_VIEWS = 16
VALIDATOR_SIZE = 518
VALIDATOR_RADIUS = 2.5
VALIDATOR_ELEVATION_DEGREES = 15.0
VALIDATOR_FOV_Y_DEGREES = 49.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewSet:
    """Where an object is looked at from.

    Attributes:
        cameras: All of them.
        placed: An object in "validator" space as these cameras see it.
    """

    cameras: Cameras
    placed: Callable[[Gaussians], Gaussians]

    @property
    def size(self) -> int:
        """Side of a view in pixels."""
        return self.cameras.width

    def render(self, gaussians: Gaussians, renderer: SplatRenderer) -> UInt8[Tensor, "views height width 3"]:
        """All views on white, a few at a time, on the renderer's device."""
        splats, views = self.placed(gaussians), []
        for batch in self.cameras.batches(VIEWS_AT_ONCE):
            between_steps()
            views.append(renderer.render(splats, batch))
        return torch.cat(views)


def orbit_views(num_views: int, *, size: int) -> ViewSet:
    """Views from evenly spread azimuths."""
    return ViewSet(cameras=orbit(num_views, size=size), placed=at_usual_size)


def validator_views(size: int = VALIDATOR_SIZE) -> ViewSet:
    """The subnet validator's views; another size than its own is for tests and drafts."""
    step = 360.0 / (VALIDATOR_VIEWS - 1)
    cameras = orbit(
        azimuths_degrees=[step * view for view in range(VALIDATOR_VIEWS)],
        elevation_degrees=VALIDATOR_ELEVATION_DEGREES,
        radius=VALIDATOR_RADIUS,
        fov_y_degrees=VALIDATOR_FOV_Y_DEGREES,
        size=size,
    )
    return ViewSet(cameras=cameras, placed=normalised_as_validator)


def at_usual_size(gaussians: Gaussians) -> Gaussians:
    """The object with its box in the middle and 1.5 long; one that lies so is left as it is, to the bit.

    Raises:
        ValueError: There is no splat, or all lie on one point.
    """
    low, high = _box(gaussians)
    middle, extent = (low + high) / 2, float((high - low).max())
    if abs(extent - USUAL_EXTENT) < AS_GOOD_AS and float(middle.abs().max()) < AS_GOOD_AS:
        return gaussians
    factor = USUAL_EXTENT / extent
    return replace(gaussians, means=(gaussians.means - middle) * factor, scales=gaussians.scales * factor)


def normalised_as_validator(gaussians: Gaussians) -> Gaussians:
    """The object as the validator's cameras see it.

    Raises:
        ValueError: There is no splat, or all lie on one point.
    """
    low, high = _box(gaussians)
    factor = USUAL_EXTENT / float((high - low).max())
    middle = float(gaussians.means.double().mean())
    return replace(
        gaussians,
        means=(gaussians.means - middle) * factor,
        scales=gaussians.scales * factor,
        opacities=(gaussians.opacities / factor).clamp(0.0, 1.0),
    )


def _box(gaussians: Gaussians) -> tuple[Float[Tensor, "3"], Float[Tensor, "3"]]:
    """Both corners of the box of all centres."""
    if gaussians.num_splats:
        low, high = gaussians.means.aminmax(dim=0)
        if bool((high > low).any()):
            return low, high
    raise ValueError("an object without extent cannot be looked at")
