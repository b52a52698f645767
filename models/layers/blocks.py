"""Transformer blocks on flat tokens.

Modulated (flow models), with (shift, scale, gate) twice from the time:

    x += gate1 * SelfAttention(LN(x) * (1 + scale1) + shift1)
    x += CrossAttention(LN_affine(x), condition)
    x += gate2 * FeedForward(LN(x) * (1 + scale2) + shift2)

Plain (latent decoders): x += SelfAttention(LN(x)); x += FeedForward(LN(x)).
"""

from jaxtyping import Float
from torch import Tensor, nn

from models.layers.attention import Context, CrossAttention, SelfAttention
from models.layers.norms import BLOCK_EPS, LayerNorm, layer_norm
from models.linear import Linear, linear_gelu
from models.sparse.segments import Segments, expand_to_rows


class FeedForward(nn.Module):
    """Linear, GELU (tanh approximation), Linear."""

    def __init__(self, channels: int, ratio: float) -> None:
        super().__init__()
        hidden = int(channels * ratio)
        activation = nn.GELU(approximate="tanh")  # keeps its place in the published names
        self.mlp = nn.Sequential(Linear(channels, hidden), activation, Linear(hidden, channels))

    def forward(self, x: Float[Tensor, "*tokens channels"]) -> Float[Tensor, "*tokens channels"]:
        inner, _, outer = self.mlp
        assert isinstance(inner, Linear)
        out: Tensor = outer(linear_gelu(x, inner.weight, inner.bias))
        return out


class ModulatedBlock(nn.Module):
    """A block of the flow models."""

    def __init__(
        self,
        channels: int,
        cond_channels: int,
        num_heads: int,
        mlp_ratio: float,
        *,
        qk_rms_norm: bool,
        qk_rms_norm_cross: bool,
    ) -> None:
        super().__init__()
        self.norm2 = LayerNorm(channels, eps=BLOCK_EPS)
        self.self_attn = SelfAttention(channels, num_heads, qk_rms_norm=qk_rms_norm)
        self.cross_attn = CrossAttention(channels, cond_channels, num_heads, qk_rms_norm=qk_rms_norm_cross)
        self.mlp = FeedForward(channels, mlp_ratio)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), Linear(channels, 6 * channels))

    def modulation(self, t_emb: Float[Tensor, "times channels"]) -> Float[Tensor, "times 6*channels"]:
        """All shifts, scales and gates of the given times: they depend on nothing else."""
        out: Tensor = self.adaLN_modulation(t_emb)
        return out

    def forward(
        self,
        x: Float[Tensor, "tokens channels"],
        modulation: Float[Tensor, "objects_or_one 6*channels"],
        objects: Segments,
        context: Context,
    ) -> Float[Tensor, "tokens channels"]:
        rows = expand_to_rows(modulation, objects)
        shift1, scale1, gate1, shift2, scale2, gate2 = rows.chunk(6, dim=1)
        x = x + gate1 * self.self_attn(modulate(x, scale1, shift1), objects)
        x = x + self.cross_attn(self.norm2(x), context)
        out: Tensor = x + gate2 * self.mlp(modulate(x, scale2, shift2))
        return out


def modulate(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """LN(x) * (1 + scale) + shift."""
    return layer_norm(x, BLOCK_EPS) * (1 + scale) + shift


class PlainBlock(nn.Module):
    """A block of the latent decoders."""

    def __init__(self, channels: int, num_heads: int, mlp_ratio: float, *, qk_rms_norm: bool) -> None:
        super().__init__()
        self.attn = SelfAttention(channels, num_heads, qk_rms_norm=qk_rms_norm)
        self.mlp = FeedForward(channels, mlp_ratio)

    def forward(
        self, x: Float[Tensor, "tokens channels"], segments: Segments
    ) -> Float[Tensor, "tokens channels"]:
        x = x + self.attn(layer_norm(x, BLOCK_EPS), segments)
        out: Tensor = x + self.mlp(layer_norm(x, BLOCK_EPS))
        return out
