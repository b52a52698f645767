"""Constants and parameters that a kernel and its formula in plain operations share.

They lie beside both, so that neither imports the other for them.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

FLOAT8 = torch.float8_e4m3fn
FLOAT8_MAX = torch.finfo(FLOAT8).max
MIN_MAGNITUDE = 1e-12
MAX_FEW_ROWS = 16  # what the smallest product of matrix units takes

NF4_BLOCK = 64  # weights that share a scale

MEAN_OF = 512  # keys at most: enough beside the fillers of a padded object, cheaper than all of them
NORM_EPS = 1e-12

Channels = Float[Tensor, "channels"]
Vector = Float[Tensor, "groups_or_one channels"]
Rows = Float[Tensor, "images tokens channels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupNorm:
    """A group norm with its parameters.

    Attributes:
        num_groups: Divides the number of channels.
        silu: Ends with a SiLU.
    """

    weight: Channels
    bias: Channels
    num_groups: int
    eps: float
    silu: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """What follows a layer norm without parameters.

    Attributes:
        scale, shift: One row for all, or one for each group of as many rows; None leaves both out.
        plus_one: The factor is 1 + scale, as times modulate; otherwise scale itself, as weights do.
        silu: Ends with a SiLU.
        eps: Added to the variance.
    """

    scale: Vector | None = None
    shift: Vector | None = None
    plus_one: bool = False
    silu: bool = False
    eps: float = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Projected:
    """Queries, keys and values of some tokens, and the weights of their norms [depth]."""

    q: Rows
    k: Rows
    v: Rows
    q_weight: Tensor
    k_weight: Tensor
