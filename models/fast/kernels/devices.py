"""Where kernels of our own run."""

import os

from torch import Tensor


def runs_kernels(x: Tensor) -> bool:
    """Whether `x` is on a card, or Triton interprets its kernels on the CPU (TRITON_INTERPRET=1, tests)."""
    return x.is_cuda or os.environ.get("TRITON_INTERPRET") == "1"
