"""Queries and keys of FLUX before attention: RMS norm, rotary positions, text before image.

x' = x / sqrt(mean(x^2) + eps) * weight
out[2 i] = x'[2 i] cos - x'[2 i + 1] sin,   out[2 i + 1] = x'[2 i + 1] cos + x'[2 i] sin
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from models.fast.kernels.devices import runs_kernels
from models.fast.kernels.parameters import Projected, Rows

Heads = Float[Tensor, "images all_tokens heads depth"]
Table = Float[Tensor, "all_tokens depth"]


def rotated(parts: Sequence[Projected], cos: Table, sin: Table, eps: float) -> tuple[Heads, Heads, Heads]:
    """Queries and keys, normalised and rotated, and values of all parts one after the other.

    Args:
        parts: Text before image, or the only one.
        cos, sin: Of each token's position, every angle twice in a row.
        eps: Of the norms.
    """
    depth = cos.shape[1]
    if runs_kernels(cos):
        from models.fast.kernels.rotary_triton import rotate

        return rotate(parts, cos, sin, eps)
    q = torch.cat([_normed(part.q, part.q_weight, depth, eps) for part in parts], dim=1)
    k = torch.cat([_normed(part.k, part.k_weight, depth, eps) for part in parts], dim=1)
    v = torch.cat([part.v.unflatten(2, (-1, depth)) for part in parts], dim=1)
    return _turned(q, cos, sin), _turned(k, cos, sin), v


def _normed(x: Rows, weight: Tensor, depth: int, eps: float) -> Tensor:
    heads = x.unflatten(2, (-1, depth)).float()
    scale = torch.rsqrt(heads.square().mean(dim=3, keepdim=True) + eps)
    out: Tensor = (heads * scale * weight.float()).to(x.dtype)
    return out


def _turned(x: Heads, cos: Table, sin: Table) -> Heads:
    even, odd = x.float().unflatten(3, (-1, 2)).unbind(dim=4)
    crossed = torch.stack([-odd, even], dim=4).flatten(3)
    turned = x.float() * cos[:, None] + crossed * sin[:, None]
    out: Tensor = turned.to(x.dtype)
    return out
