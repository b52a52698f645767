"""Copies from the host to a device that do not wait for the device's queue."""

from collections.abc import Sequence

import torch
from torch import Tensor


def to_device_async(values: Tensor | Sequence[float], device: torch.device | str) -> Tensor:
    """Copies to `device`; for CUDA the source is pinned, so that the copy is queued without blocking.

    A copy from pageable memory would block the host until all queued kernels are done.

    Args:
        values: Any shape and dtype, in host memory.
        device: Where to.
    """
    on_host = values if isinstance(values, Tensor) else torch.tensor(values)
    if torch.device(device).type != "cuda":
        return on_host.to(device)
    return on_host.pin_memory().to(device, non_blocking=True)
