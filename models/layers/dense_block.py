"""The modulated block on tensors alone, for compilers: same formula as `ModulatedBlock.forward`.

Groups are of one length here, [groups, length, channels]; the first ones are conditioned, the others receive
the constant that a condition of zeros gives. `lengths` are given where tokens only fill a group up;
without them, a batch of objects with different numbers of tokens takes the plain path.
"""

from collections.abc import Callable
from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor, cat
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from models.layers.attention import Context, CrossAttention, SelfAttention
from models.layers.blocks import ModulatedBlock, modulate
from models.layers.filled_attention import AttentionAndSum, filled_attention, plain_attention
from models.sparse.segments import Segments

AttentionBackend = Literal["default", "flash", "cudnn"]
BACKENDS = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION}

DenseBlock = Callable[[ModulatedBlock, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor | None], Tensor]
RunBlock = Callable[[ModulatedBlock, Tensor, Tensor, Segments, Context], Tensor]


def dense_block(backend: AttentionBackend, filled: AttentionAndSum = plain_attention) -> DenseBlock:
    """The block with one attention kernel, and one for groups that are filled up; compile the result."""

    def forward(
        block: ModulatedBlock,
        x: Float[Tensor, "groups length channels"],
        modulation: Float[Tensor, "groups_or_one 6*channels"],
        keys: Float[Tensor, "objects condition heads depth"],
        values: Float[Tensor, "objects condition heads depth"],
        unconditional: Float[Tensor, "1 channels"],
        lengths: Int[Tensor, " groups"] | None,
    ) -> Float[Tensor, "groups length channels"]:
        shift1, scale1, gate1, shift2, scale2, gate2 = modulation[:, None].chunk(6, dim=2)
        x = x + gate1 * _self_attention(
            block.self_attn, modulate(x, scale1, shift1), lengths, backend, filled
        )
        x = x + _cross_attention(block.cross_attn, block.norm2(x), keys, values, unconditional, backend)
        out: Tensor = x + gate2 * block.mlp(modulate(x, scale2, shift2))
        return out

    return forward


def run_plain(
    block: ModulatedBlock, x: Tensor, modulation: Tensor, objects: Segments, context: Context
) -> Tensor:
    """The block as it is."""
    out: Tensor = block(x, modulation, objects, context)
    return out


def run_with(dense: DenseBlock) -> RunBlock:
    """A runner that takes `dense` where all groups are equally long."""

    def run(
        block: ModulatedBlock, x: Tensor, modulation: Tensor, objects: Segments, context: Context
    ) -> Tensor:
        if objects.uniform_length is None:
            return run_plain(block, x, modulation, objects, context)
        groups = x.view(objects.num_groups, objects.uniform_length, -1)
        keys, values = context.keys, context.values
        return dense(block, groups, modulation, keys, values, context.unconditional, None).flatten(0, 1)

    return run


def _self_attention(
    layer: SelfAttention,
    x: Tensor,
    lengths: Int[Tensor, " groups"] | None,
    backend: AttentionBackend,
    filled: AttentionAndSum,
) -> Tensor:
    q, k, v = layer.to_qkv(x).unflatten(2, (3, layer.num_heads, -1)).unbind(dim=2)
    if layer.q_rms_norm is not None and layer.k_rms_norm is not None:
        q, k = layer.q_rms_norm(q), layer.k_rms_norm(k)
    if lengths is None:
        attended = _attention(q, k, v, backend)
    else:
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        attended = filled_attention(q, k, v, lengths, filled).transpose(1, 2).flatten(2)
    out: Tensor = layer.to_out(attended)
    return out


def _cross_attention(
    layer: CrossAttention,
    x: Tensor,
    keys: Tensor,
    values: Tensor,
    unconditional: Tensor,
    backend: AttentionBackend,
) -> Tensor:
    num_conditioned = len(keys)
    q = layer.to_q(x[:num_conditioned]).unflatten(2, (layer.num_heads, -1))
    if layer.q_rms_norm is not None:
        q = layer.q_rms_norm(q)
    out: Tensor = layer.to_out(_attention(q, keys, values, backend))
    if num_conditioned == len(x):
        return out
    constant = unconditional.to(out.dtype).expand(len(x) - num_conditioned, x.shape[1], -1)
    return cat([out, constant])


def _attention(q: Tensor, k: Tensor, v: Tensor, backend: AttentionBackend) -> Tensor:
    """[groups, length, heads, depth] in, heads side by side out."""
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    if backend == "default":
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
    with sdpa_kernel(BACKENDS[backend]):
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
