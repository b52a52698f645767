"""Translation and scale that clean-up applied, so that a mesh of the same latents lines up with splats."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from models.errors import GenerationError
from models.transfer import to_device_async


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """x -> (x - center) * factor in "trellis" space; the turn to a result's frame comes after it.

    Attributes:
        center: Middle of the bounding box of the kept splats' centres.
        factor: What makes the box's longest side as long as results are.
    """

    center: tuple[float, float, float]
    factor: float

    def scaled(self, factor: float) -> "Placement":
        """Of an object that is so many times as large."""
        return Placement(center=self.center, factor=self.factor * factor)

    def applied(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, "points 3"]:
        """The points beside the cleaned splats, in double precision, still along "trellis" axes."""
        center = to_device_async(torch.tensor(self.center, dtype=torch.float64), points.device)
        return (points.double() - center) * self.factor


def placement_of(means: Float[Tensor, "splats 3"], *, extent: float) -> Placement:
    """Centres the bounding box of the means at the origin and makes its longest side `extent`.

    Raises:
        GenerationError: When all means coincide.
    """
    low, high = torch.stack(means.aminmax(dim=0)).tolist()
    size = max(top - bottom for bottom, top in zip(low, high, strict=True))
    if not size > 1e-6:
        raise GenerationError("all splats lie on one point")
    x, y, z = ((bottom + top) / 2.0 for bottom, top in zip(low, high, strict=True))
    return Placement(center=(x, y, z), factor=extent / size)
