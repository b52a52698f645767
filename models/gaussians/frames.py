"""The world frames splats live in, and the rotations between them.

    trellis    z up, the object's front faces -y (TRELLIS's own space)
    validator  +Y up, front +Z: (x, z, -y) of trellis; what the subnet's validator and our cameras look at
    standard   (x, -z, y) of trellis: what TRELLIS writes into its PLY files, upside down for the validator

They differ by quarter turns around x, so changing frames only swaps and negates coordinates: nothing is
rounded but the quaternions.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from models.gaussians.gaussians import Gaussians

Frame = Literal["trellis", "validator", "standard"]

_QUARTER_TURNS: dict[Frame, int] = {"trellis": 0, "standard": 1, "validator": 3}  # around +x, from trellis
_HALF_SQRT = 0.5**0.5
_TURN_QUATS_WX = ((1.0, 0.0), (_HALF_SQRT, _HALF_SQRT), (0.0, 1.0), (_HALF_SQRT, -_HALF_SQRT))


def rotate_frame(gaussians: Gaussians, *, source: Frame, target: Frame) -> Gaussians:
    """The same object, expressed in another frame."""
    return Gaussians(
        means=turned_points(gaussians.means, source=source, target=target),
        scales=gaussians.scales,
        quats_wxyz=turned_quats(gaussians.quats_wxyz, source=source, target=target),
        opacities=gaussians.opacities,
        colors=gaussians.colors,
    )


def turned_points(
    points: Float[Tensor, "splats 3"], *, source: Frame, target: Frame
) -> Float[Tensor, "splats 3"]:
    """Points of one frame in another."""
    x, y, z = points.unbind(-1)
    turned = ((y, z), (-z, y), (-y, -z), (z, -y))[_turns(source, target)]
    return torch.stack([x, *turned], dim=-1)


def turned_quats(
    quats_wxyz: Float[Tensor, "splats 4"], *, source: Frame, target: Frame
) -> Float[Tensor, "splats 4"]:
    """Orientations of one frame in another: the turn's quaternion (cos, sin, 0, 0) times each."""
    cos, sin = _TURN_QUATS_WX[_turns(source, target)]
    w, x, y, z = quats_wxyz.unbind(-1)
    product = [cos * w - sin * x, cos * x + sin * w, cos * y - sin * z, cos * z + sin * y]
    return torch.stack(product, dim=-1)


def _turns(source: Frame, target: Frame) -> int:
    """Quarter turns around +x from one to the other."""
    return (_QUARTER_TURNS[target] - _QUARTER_TURNS[source]) % 4
