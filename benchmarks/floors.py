"""Physical floors: operations over the measured matrix rate, bytes over the measured bandwidths.

A multiply-add counts as two operations. Only matrix products and attention are counted: all else could be
fused into them. Counted with torch's FlopCounterMode on the published shapes: FLUX 17.69 TFLOP a step, T5
2.40, autoencoder 2.51, ISNet 0.319, DINOv2 1.02, structure decoder 0.813, CLIP on 16 views 2.59; the flows
follow from `flow_flops`, whose exact shortcuts no counter sees.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

CONDITION_TOKENS = 1374


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """What this machine reaches in a large half-precision product and in large copies.

    Attributes:
        flops_per_second: Of the GPU's fp16 products.
        bytes_per_second: Read and written in the GPU's memory.
        transferred_bytes_per_second: From the GPU to pinned host memory.
        host_bytes_per_second: Read and written by one core in host memory.
    """

    flops_per_second: float
    bytes_per_second: float
    transferred_bytes_per_second: float
    host_bytes_per_second: float

    def floor_ms(self, work: "Work") -> float:
        """The least time for so much work, if all of its kinds overlap."""
        return 1e3 * max(
            work.flops / self.flops_per_second,
            work.moved_bytes / self.bytes_per_second,
            work.transferred_bytes / self.transferred_bytes_per_second,
            work.host_bytes / self.host_bytes_per_second,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What no implementation avoids.

    Attributes:
        flops: Operations of matrix products and attention.
        moved_bytes: Read and written in the GPU's memory.
        transferred_bytes: Between the GPU and the host, one way.
        host_bytes: Read and written in host memory.
    """

    flops: float = 0.0
    moved_bytes: float = 0.0
    transferred_bytes: float = 0.0
    host_bytes: float = 0.0

    def __bool__(self) -> bool:
        return max(self.flops, self.moved_bytes, self.transferred_bytes, self.host_bytes) > 0

    def times(self, count: float) -> "Work":
        """So much work `count` times."""
        return Work(
            flops=count * self.flops,
            moved_bytes=count * self.moved_bytes,
            transferred_bytes=count * self.transferred_bytes,
            host_bytes=count * self.host_bytes,
        )


NO_WORK = Work()


def measure_ceilings(size: int = 8192) -> Ceilings:
    """Measures the current GPU with random data."""
    a, b = (torch.randn(size, size, device="cuda", dtype=torch.float16) for _ in range(2))
    product = _seconds(lambda: a @ b)
    source = torch.randn(2**30, device="cuda", dtype=torch.float32)
    target = torch.empty_like(source)
    copy = _seconds(lambda: target.copy_(source))
    part = source[: 2**26]
    pinned = torch.empty(len(part), pin_memory=True)
    transfer = _seconds(lambda: pinned.copy_(part, non_blocking=True))
    return Ceilings(
        flops_per_second=2 * size**3 / product,
        bytes_per_second=2 * source.nbytes / copy,
        transferred_bytes_per_second=part.nbytes / transfer,
        host_bytes_per_second=_host_bytes_per_second(),
    )


def _host_bytes_per_second(size: int = 2**28) -> float:
    source, target = np.ones(size, np.uint8), np.ones(size, np.uint8)
    seconds = list[float]()
    for _ in range(5):
        started = time.perf_counter()
        target[:] = source
        seconds.append(time.perf_counter() - started)
    return 2 * size / min(seconds)


def _seconds(call: Callable[[], object], runs: int = 10) -> float:
    for _ in range(3):
        call()
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(runs):
        call()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end)) / 1e3 / runs


def flow_flops(tokens: int, *, guided: bool, channels: int = 1024, blocks: int = 24) -> float:
    """One velocity of a flow; the unconditional half has no cross-attention, keys and values are cached."""
    own = 24 * channels**2 + 4 * tokens * channels
    cross = 4 * channels**2 + 4 * CONDITION_TOKENS * channels
    return float(blocks * tokens * (own * (2 if guided else 1) + cross))


def schedule_flops(tokens: int, *, guided_steps: int, plain_steps: int) -> float:
    """A whole stage, the condition's keys and values included."""
    once = 24 * CONDITION_TOKENS * 4 * 1024**2
    return (
        once + guided_steps * flow_flops(tokens, guided=True) + plain_steps * flow_flops(tokens, guided=False)
    )


def decoder_flops(voxels: int, mean_window: float, channels: int = 768, blocks: int = 12) -> float:
    """The latent decoders' trunk and the Gaussian head."""
    return float(voxels * (blocks * (24 * channels**2 + 4 * mean_window * channels) + 2 * channels * 448))
