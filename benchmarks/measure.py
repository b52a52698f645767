"""Timing a call: warm-up, a synchronisation around every run, median, p95, peak memory, one profiled run."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.summaries import percentile

Call = Callable[[], object]
SYNCHRONISING = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")
TOP_KERNELS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What a call takes.

    Attributes:
        median_ms, p95_ms, best_ms: Wall clock from call to the device's last kernel.
        peak_gib: Most memory that torch held on the GPU during the call, all that lay there included.
        rest_gib: What lay there before: weights of every model that was loaded by then, and inputs.
        first_s: The first call's seconds, compilation included.
    """

    median_ms: float
    p95_ms: float
    best_ms: float
    peak_gib: float
    rest_gib: float
    first_s: float
    runs: int


def synchronize() -> None:
    """Waits for the GPU, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def measure(call: Call, *, runs: int = 20, warm_ups: int = 3, budget_seconds: float = 4.0) -> Timing:
    """Times `runs` calls, fewer (at least three) once the budget is spent."""
    started = time.perf_counter()
    call()
    synchronize()
    first = time.perf_counter() - started
    for _ in range(warm_ups - 1):
        call()
    synchronize()
    rest = 0.0
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        rest = torch.cuda.memory_allocated() / 2**30
    seconds: list[float] = []
    begun = time.perf_counter()
    while len(seconds) < runs and (len(seconds) < 3 or time.perf_counter() - begun < budget_seconds):
        started = time.perf_counter()
        call()
        synchronize()
        seconds.append(time.perf_counter() - started)
    peak = torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else 0.0
    ordered = sorted(seconds)
    return Timing(
        median_ms=1e3 * percentile(ordered, 50),
        p95_ms=1e3 * percentile(ordered, 95),
        best_ms=1e3 * ordered[0],
        peak_gib=peak,
        rest_gib=rest,
        first_s=first,
        runs=len(seconds),
    )


def profile(call: Call) -> dict[str, Any]:
    """One run's kernels (milliseconds, count), its waits for the device and its copies to the host."""
    if not torch.cuda.is_available():
        return {}
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities, acc_events=True) as recorder:
        call()
        synchronize()
    kernels: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    waits: Counter[str] = Counter()
    for event in recorder.events() or []:
        if event.is_user_annotation:  # compiled graphs mark their whole span on the GPU, over its kernels
            continue
        if event.device_type.name == "CUDA":
            kernels[event.name] += event.time_range.elapsed_us()
            counts[event.name] += 1
        elif event.name in SYNCHRONISING or event.name in ("aten::item", "aten::nonzero"):
            waits[event.name] += 1
    return {
        "kernel_ms": round(sum(kernels.values()) / 1e3, 3),
        "num_kernels": sum(counts.values()),
        "device_to_host_copies": sum(n for name, n in counts.items() if "DtoH" in name),
        "waits": dict(waits),  # one cudaDeviceSynchronize is our own
        "top": [
            {"ms": round(us / 1e3, 3), "count": counts[name], "kernel": name[:110]}
            for name, us in kernels.most_common(TOP_KERNELS)
        ],
    }
