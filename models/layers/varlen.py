"""Attention over groups of different lengths, for GPUs: the flash kernel of torch's own `varlen_attn`.

The module that torch offers it in imports the compiler, a second or two of every process; this one does not.
"""

from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

Queries = Float[Tensor, "tokens heads depth"]
Keys = Float[Tensor, "others heads depth"]
Offsets = Int[Tensor, " groups_and_end"]


def varlen_attn(
    q: Queries, k: Keys, v: Keys, q_offsets: Offsets, k_offsets: Offsets, q_longest: int, k_longest: int
) -> Queries:
    """Rows of q attend to the rows of k of the same group; half precision on a CUDA device.

    Args:
        q, k, v: Rows by group.
        q_offsets, k_offsets: Where each group starts, and their end; 32-bit.
        q_longest, k_longest: No group is longer.
    """
    out = torch.ops.aten._flash_attention_forward(
        q, k, v, q_offsets, k_offsets, q_longest, k_longest, 0.0, False, False
    )
    return cast(Tensor, out[0])
