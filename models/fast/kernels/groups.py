"""What lies between two convolutions of an autoencoder: bias, group norm, SiLU; and the sum ending a block.

Images lie channels last in memory. Everything is computed in fp32 and stored in the precision of `x`.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from models.fast.kernels.devices import runs_kernels
from models.fast.kernels.parameters import Channels, GroupNorm

Images = Float[Tensor, "images channels height width"]


def group_normed(x: Images, norm: GroupNorm, *, bias: Channels | None = None) -> Images:
    """The norm of `x + bias`."""
    x = x.contiguous(memory_format=torch.channels_last)
    if runs_kernels(x):
        from models.fast.kernels.groups_triton import normalize

        return normalize(x, norm, bias)
    value = x.float() if bias is None else x.float() + bias.float()[:, None, None]
    out = F.group_norm(value, norm.num_groups, norm.weight.float(), norm.bias.float(), norm.eps)
    return (F.silu(out) if norm.silu else out).to(x.dtype)


def biased_sum(x: Images, y: Images, bias: Channels) -> Images:
    """x + y + bias."""
    x, y = (part.contiguous(memory_format=torch.channels_last) for part in (x, y))
    if runs_kernels(x):
        from models.fast.kernels.groups_triton import add

        return add(x, y, bias)
    return (x.float() + y.float() + bias.float()[:, None, None]).to(x.dtype)
