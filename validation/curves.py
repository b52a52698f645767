"""How well a score tells good objects from others: areas under curves, and thresholds at a stated rate."""

import numpy as np
from jaxtyping import Float


def area(good: Float[np.ndarray, " good"], bad: Float[np.ndarray, " bad"]) -> float:
    """The chance that a good one scores higher than a bad one, ties half: the area under the ROC curve.

    Raises:
        ValueError: There is none of one kind.
    """
    if not len(good) or not len(bad):
        raise ValueError("an area needs good and bad scores")
    order = np.sort(bad)
    below = np.searchsorted(order, good, side="left")
    equal = np.searchsorted(order, good, side="right") - below
    return float((below + 0.5 * equal).sum() / (len(good) * len(bad)))


def threshold_at(good: Float[np.ndarray, " good"], rate: float) -> float:
    """The largest value below which at most a share `rate` of the good scores lies.

    Raises:
        ValueError: There is no score, or the rate is none.
    """
    if not len(good) or not 0.0 <= rate < 1.0:
        raise ValueError(f"a threshold needs scores and a rate of 0 to 1, not {rate}")
    return float(np.sort(good)[int(np.floor(rate * len(good)))])


def curve(
    good: Float[np.ndarray, " good"], bad: Float[np.ndarray, " bad"]
) -> tuple[Float[np.ndarray, " steps"], Float[np.ndarray, " steps"]]:
    """Shares of bad and of good scores that pass, for every threshold from the highest to the lowest."""
    steps = np.unique(np.concatenate([good, bad]))[::-1]
    return tuple(  # type: ignore[return-value]
        np.concatenate([[0.0], [(some >= step).mean() for step in steps]]) for some in (bad, good)
    )
