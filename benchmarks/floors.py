"""Physical floors: operations over the measured matrix rate, bytes over the measured bandwidth.

A multiply-add counts as two operations. Only matrix products and attention are counted: all else could be
fused into them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

CONDITION_TOKENS = 1374


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """What this card reaches in a large half-precision product and a large copy."""

    flops_per_second: float
    bytes_per_second: float

    def floor_ms(self, *, flops: float = 0.0, moved_bytes: float = 0.0) -> float:
        """The least time for so much work."""
        return 1e3 * max(flops / self.flops_per_second, moved_bytes / self.bytes_per_second)


def measure_ceilings(size: int = 8192) -> Ceilings:
    """Measures the current card with random data."""
    a, b = (torch.randn(size, size, device="cuda", dtype=torch.float16) for _ in range(2))
    product = _seconds(lambda: a @ b)
    source = torch.randn(2**30, device="cuda", dtype=torch.float32)
    target = torch.empty_like(source)
    copy = _seconds(lambda: target.copy_(source))
    return Ceilings(flops_per_second=2 * size**3 / product, bytes_per_second=2 * source.numel() * 4 / copy)


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
