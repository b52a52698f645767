"""Means of a handful of scores that leave out what lies far from the others."""

import torch
from jaxtyping import Float
from torch import Tensor

NEIGHBOURS = 5
OUTLIERS = 0.1  # share of the values at most


def without_outliers(values: Float[Tensor, " views"]) -> Float[Tensor, " kept"]:
    """The values whose distance to their fifth nearest neighbour is not among the largest tenth.

    Of 16 values two go, of equally far ones none: what counts is to lie beyond the 90th percentile. With
    fewer values than six all stay, for none has five neighbours.
    """
    if len(values) <= NEIGHBOURS:
        return values
    values = values.double()
    between = (values[:, None] - values[None, :]).abs()
    far = between.sort(dim=1).values[:, NEIGHBOURS]  # the nearest one is the value itself
    return values[far <= torch.quantile(far, 1.0 - OUTLIERS)].float()


def geometric_mean(values: Float[Tensor, " views"]) -> float:
    """Of values that are not negative; 0 if one of them is."""
    return float(values.double().clamp_min(0.0).log().mean().exp())
