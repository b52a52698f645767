"""Normalisations, always computed in fp32 and cast back."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

BLOCK_EPS = 1e-6
FINAL_EPS = 1e-5


def layer_norm(x: Float[Tensor, "*batch channels"], eps: float) -> Float[Tensor, "*batch channels"]:
    """Layer norm over the last axis, without parameters."""
    return F.layer_norm(x.float(), x.shape[-1:], eps=eps).to(x.dtype)


class LayerNorm(nn.LayerNorm):
    """Layer norm with parameters over the last axis."""

    def forward(self, x: Float[Tensor, "*batch channels"]) -> Float[Tensor, "*batch channels"]:
        out: Tensor = super().forward(x.float()).to(x.dtype)
        return out


class RmsNorm(nn.Module):
    """Per-head RMS norm of queries or keys: q / |q| * gamma * sqrt(d)."""

    def __init__(self, num_heads: int, head_channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(num_heads, head_channels))

    def forward(self, x: Float[Tensor, "*batch heads channels"]) -> Float[Tensor, "*batch heads channels"]:
        scale = self.gamma * x.shape[-1] ** 0.5
        normalized: Tensor = F.normalize(x.float(), dim=-1) * scale
        return normalized.to(x.dtype)
