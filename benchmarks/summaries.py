"""Samples of times as the few numbers that reports show."""

from collections.abc import Sequence
from math import floor


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which `percent` of the sample lies, on the line between its two nearest neighbours.

    Raises:
        ValueError: The sample is empty, or `percent` is not in 0 to 100.
    """
    if not values or not 0 <= percent <= 100:
        raise ValueError(f"no {percent:g}th percentile of {len(values)} values")
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    low = floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def latency_summary(seconds: Sequence[float]) -> dict[str, float | None]:
    """Median, 95th and 99th percentile and the extremes, in seconds; None where nothing was measured.

    A percentile means little before it has some samples above it: p95 wants 20 or more, p99 100.
    """
    names = {"min_s": 0.0, "median_s": 50.0, "p95_s": 95.0, "p99_s": 99.0, "max_s": 100.0}
    return {name: round(percentile(seconds, p), 4) if seconds else None for name, p in names.items()}
