"""Where kernels of our own run."""

from torch import Tensor


def runs_kernels(x: Tensor) -> bool:
    """Whether `x` is on a GPU."""
    return x.is_cuda
