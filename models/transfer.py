"""From the host to a device without waiting for what the device still has to do."""

from collections.abc import Sequence

import torch
from torch import Tensor


def sent(values: Tensor | Sequence[float], device: torch.device | str) -> Tensor:
    """A copy on `device`, through pinned memory where that is a GPU.

    A copy from other memory comes after all work that the GPU was given, and the host waits for it.
    """
    on_host = values if isinstance(values, Tensor) else torch.tensor(values)
    if torch.device(device).type != "cuda":
        return on_host.to(device)
    return on_host.pin_memory().to(device, non_blocking=True)
