"""Outcomes of comparisons."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from torch import Tensor

MODULE_BOUND = 1e-5  # relative rms in fp32
HALF_BOUND = 5e-3  # relative rms of the fp16 torso; it differs from fp32 itself by about 1e-3
HALF_TO_SINGLE_BOUND = 3e-3  # relative rms of the fp16 torso to an fp32 recording


class Status(Enum):
    """What a check came to."""

    PASS = "PASS"
    FAIL = "FAIL"
    SKIP = "SKIP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One metric of one fixture; skipped and broken ones have a reason instead of a value."""

    metric: str
    value: float = math.nan
    bound: float = math.nan
    status: Status
    reason: str = ""

    def line(self, fixture: str) -> str:
        """A row of the report."""
        row = f"{fixture:38} {self.metric:48} {self.value:10.3e} {self.bound:8.0e}  {self.status.value}"
        return f"{row}  {self.reason}".rstrip()


def skipped(metric: str, reason: str) -> Check:
    """A comparison that is not made, and why."""
    return Check(metric=metric, status=Status.SKIP, reason=reason)


def failed(metric: str, reason: str) -> Check:
    """A comparison that could not be made although it should."""
    return Check(metric=metric, status=Status.FAIL, reason=reason)


def bounded(metric: str, value: float, bound: float) -> Check:
    """Passes if the value is at most the bound; NaN fails."""
    return Check(
        metric=metric, value=value, bound=bound, status=Status.PASS if value <= bound else Status.FAIL
    )


def close(metric: str, actual: Tensor, expected: Tensor, bound: float = MODULE_BOUND) -> Check:
    """Compares shapes, then the relative rms of the difference."""
    if actual.shape != expected.shape:
        return failed(metric, f"shape {tuple(actual.shape)}, expected {tuple(expected.shape)}")
    return bounded(f"{metric} relative rms", relative_rms(actual, expected), bound)


def worst(metric: str, pairs: Iterable[tuple[Tensor, Tensor]], bound: float = MODULE_BOUND) -> Check:
    """The worst of several comparisons."""
    checks = [close(metric, actual, expected, bound) for actual, expected in pairs]
    return max(checks, key=lambda check: math.inf if math.isnan(check.value) else check.value)


def exact(metric: str, actual: Tensor, expected: Tensor) -> Check:
    """Counts differing rows of integer tensors; none is allowed."""
    if actual.shape != expected.shape:
        return failed(metric, f"shape {tuple(actual.shape)}, expected {tuple(expected.shape)}")
    return bounded(f"{metric} differing values", float((actual.cpu() != expected.cpu()).sum()), 0.0)


def relative_rms(actual: Tensor, expected: Tensor) -> float:
    """rms(actual - expected) / rms(expected), in float64; absolute where all expected values are zero."""
    if expected.numel() == 0:
        return 0.0
    actual, expected = actual.double().cpu(), expected.double().cpu()
    difference, size = (x.square().mean().sqrt() for x in (actual - expected, expected))
    return float(difference / size if size > 0 else difference)


def same_layout(
    metric: str, actual: dict[str, tuple[int, ...]], expected: dict[str, tuple[int, ...]]
) -> Check:
    """Counts names that only one side has or whose shapes differ."""
    names = actual.keys() | expected.keys()
    return bounded(
        f"{metric} differing names or shapes",
        float(sum(actual.get(name) != expected.get(name) for name in names)),
        0.0,
    )
