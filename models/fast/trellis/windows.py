"""Attention windows of a padded grid: sorted rows and where each window starts, without waiting for the GPU.

Every window of the cube has its place, the empty ones with no rows, so that their number is known beforehand.
Padding stands behind the last window.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from models.fast.trellis.padding import PaddedGrid


@dataclass(frozen=True, slots=True, kw_only=True)
class PaddedWindows:
    """Rows by window.

    Attributes:
        order: Padded rows sorted by window, padding last.
        inverse: Where each padded row stands among them.
        offsets: Where each window starts, and their end; 32-bit for variable-length kernels.
    """

    order: Int[Tensor, " rows"]
    inverse: Int[Tensor, " rows"]
    offsets: Int[Tensor, " windows_and_end"]


def padded_windows(padded: PaddedGrid, *, resolution: int, size: int, shift: int) -> PaddedWindows:
    """Cubic windows of `size` voxels in a cube of `resolution`, their borders moved by `shift`."""
    along = (resolution - 1 + shift) // size + 1
    coords = padded.grid.coords.long()
    x, y, z = ((coords[:, 1:] + shift) // size).unbind(dim=1)
    windows = ((coords[:, 0] * along + x) * along + y) * along + z
    num_windows = padded.grid.batch_size * along**3
    keys = torch.full((padded.num_rows,), num_windows, device=coords.device)
    sorted_keys, order = torch.sort(keys.index_copy_(0, padded.rows, windows), stable=True)
    offsets = torch.searchsorted(sorted_keys, torch.arange(num_windows + 1, device=coords.device))
    places = torch.arange(padded.num_rows, device=coords.device)
    inverse = torch.empty_like(order).index_copy_(0, order, places)
    return PaddedWindows(order=order, inverse=inverse, offsets=offsets.int())
