"""FLUX.1's blocks with what lies between two products in one kernel each: the formulas of diffusers' own.

    double block:  x += g1 Attention(LN(x) (1 + s1) + b1);  x += g2 FF(LN(x) (1 + s2) + b2)
    single block:  h = LN(x) (1 + s) + b;  x += g W [Attention(h) | GELU(W_mlp h)]

Scales, shifts and gates come from the time and the pooled text.
"""

from collections.abc import Mapping
from functools import partial
from typing import cast

import torch
from diffusers import FluxTransformer2DModel
from diffusers.models.transformers.transformer_flux import FluxSingleTransformerBlock, FluxTransformerBlock
from torch import Tensor, nn
from torch.nn import functional as F

from models.fast.flux.parts import Attention, DoubleBlock, FeedForward, Projection, SingleBlock
from models.fast.kernels import normed, normed_sum, rotated
from models.fast.kernels.parameters import Norm, Projected
from models.fast.twins import StandIn, replace_parts, twin
from models.linear import linear_gelu

EPS = 1e-6  # of every norm
Positions = tuple[Tensor, Tensor]  # cosines and sines [tokens, depth]


def fused_transformer(transformer: FluxTransformer2DModel) -> FluxTransformer2DModel:
    """A transformer of the same parameters with other blocks."""
    fused = twin(transformer)
    replace_parts(fused, _fused)
    return fused


def _fused(part: nn.Module) -> nn.Module:
    if isinstance(part, FluxTransformerBlock):
        return StandIn(part, partial(double_block, cast(DoubleBlock, part)))
    if isinstance(part, FluxSingleTransformerBlock):
        return StandIn(part, partial(single_block, cast(SingleBlock, part)))
    return part


def double_block(
    block: DoubleBlock,
    hidden_states: Tensor,
    encoder_hidden_states: Tensor,
    temb: Tensor,
    image_rotary_emb: Positions,
    joint_attention_kwargs: Mapping[str, object] | None = None,
) -> tuple[Tensor, Tensor]:
    """The text's tokens and the image's.

    Raises:
        ValueError: With arguments for the attention, which is this module's own.
    """
    _refuse(joint_attention_kwargs)
    attn, time = block.attn, F.silu(temb)
    image, text = block.norm1.linear(time).chunk(6, dim=1), block.norm1_context.linear(time).chunk(6, dim=1)
    h, h_text = normed(hidden_states, _norm(*image[:2])), normed(encoder_hidden_states, _norm(*text[:2]))
    of_text = Projected(
        q=attn.add_q_proj(h_text),
        k=attn.add_k_proj(h_text),
        v=attn.add_v_proj(h_text),
        q_weight=attn.norm_added_q.weight,
        k_weight=attn.norm_added_k.weight,
    )
    attended = _attention([of_text, _projected(attn, h)], image_rotary_emb)
    seen_text, seen = attended.split([h_text.shape[1], h.shape[1]], dim=1)
    x = _finished(hidden_states, attn.to_out[0](seen), image[2:], block.ff)
    return _finished(encoder_hidden_states, attn.to_add_out(seen_text), text[2:], block.ff_context), x


def single_block(
    block: SingleBlock,
    hidden_states: Tensor,
    encoder_hidden_states: Tensor,
    temb: Tensor,
    image_rotary_emb: Positions,
    joint_attention_kwargs: Mapping[str, object] | None = None,
) -> tuple[Tensor, Tensor]:
    """See `double_block`."""
    _refuse(joint_attention_kwargs)
    x = torch.cat([encoder_hidden_states, hidden_states], dim=1)
    shift, scale, gate = block.norm.linear(F.silu(temb)).chunk(3, dim=1)
    h = normed(x, _norm(shift, scale))
    attended = _attention([_projected(block.attn, h)], image_rotary_emb)
    joined = torch.cat([attended, _gelu(block.proj_mlp, h)], dim=2)
    x, _ = normed_sum(x, block.proj_out(joined), None, gate=gate)
    length = encoder_hidden_states.shape[1]
    return x[:, :length], x[:, length:]


def _finished(x: Tensor, attended: Tensor, vectors: tuple[Tensor, ...], feed_forward: FeedForward) -> Tensor:
    gate, shift, scale, last_gate = vectors
    x, h = normed_sum(x, attended, _norm(shift, scale), gate=gate)
    first, *_, last = feed_forward.net
    return normed_sum(x, last(_gelu(cast(Projection, first).proj, h)), None, gate=last_gate)[0]


def _projected(attn: Attention, h: Tensor) -> Projected:
    return Projected(
        q=attn.to_q(h),
        k=attn.to_k(h),
        v=attn.to_v(h),
        q_weight=attn.norm_q.weight,
        k_weight=attn.norm_k.weight,
    )


def _attention(parts: list[Projected], positions: Positions) -> Tensor:
    q, k, v = (x.transpose(1, 2) for x in rotated(parts, *positions, EPS))
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


def _gelu(layer: nn.Module, x: Tensor) -> Tensor:
    """GELU of a linear layer, in one kernel unless the layer is quantised."""
    if isinstance(layer, nn.Linear):
        return linear_gelu(x, layer.weight, layer.bias)
    return F.gelu(layer(x), approximate="tanh")


def _norm(shift: Tensor, scale: Tensor) -> Norm:
    return Norm(scale=scale, shift=shift, plus_one=True, eps=EPS)


def _refuse(arguments: Mapping[str, object] | None) -> None:
    if arguments:
        raise ValueError(f"these blocks' attention takes no arguments, not {', '.join(arguments)}")
