"""The modulated block on groups of one length: same formula as `ModulatedBlock.forward`, in fewer passes.

Tensors are [groups, length, channels]; the first groups are conditioned, the others receive
the constant that a condition of zeros gives. `lengths` are given where tokens only fill a group up;
without them, a batch of objects with different numbers of tokens takes the plain path.
"""

from collections.abc import Callable

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from models.fast.kernels import normed, normed_heads, normed_sum
from models.fast.kernels.parameters import Norm
from models.fast.plan import AttentionBackend
from models.fast.trellis.attention import AttentionAndSum, filled_attention, plain_attention
from models.layers.attention import Context, CrossAttention, SelfAttention
from models.layers.blocks import ModulatedBlock
from models.layers.norms import BLOCK_EPS
from models.sparse.segments import Segments

BACKENDS = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION}

DenseBlock = Callable[[ModulatedBlock, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor | None], Tensor]


def dense_block(backend: AttentionBackend, filled: AttentionAndSum = plain_attention) -> DenseBlock:
    """The block with one attention kernel, and one for groups that are filled up."""

    def forward(
        block: ModulatedBlock,
        x: Float[Tensor, "groups length channels"],
        modulation: Float[Tensor, "groups_or_one 6*channels"],
        keys: Float[Tensor, "objects condition heads depth"],
        values: Float[Tensor, "objects condition heads depth"],
        unconditional: Float[Tensor, "1 channels"],
        lengths: Int[Tensor, " groups"] | None,
    ) -> Float[Tensor, "groups length channels"]:
        shift1, scale1, gate1, shift2, scale2, gate2 = modulation.chunk(6, dim=1)
        first = Norm(scale=scale1, shift=shift1, plus_one=True, eps=BLOCK_EPS)
        second = Norm(scale=scale2, shift=shift2, plus_one=True, eps=BLOCK_EPS)
        between = Norm(scale=block.norm2.weight[None], shift=block.norm2.bias[None], eps=BLOCK_EPS)
        attended = _self_attention(block.self_attn, normed(x, first), lengths, backend, filled)
        x, h = normed_sum(x, attended, between, gate=gate1)
        seen = _cross_attention(block.cross_attn, h[: len(keys)], keys, values, backend)
        x, h = normed_sum(x, seen, second, constant=unconditional)
        return normed_sum(x, block.mlp(h), None, gate=gate2)[0]

    return forward


class FusedBlock(ModulatedBlock):
    """A block's own parts, run by a dense block where all groups are equally long."""

    def __init__(self, block: ModulatedBlock, dense: DenseBlock) -> None:
        """Shares the parts of `block`."""
        nn.Module.__init__(self)
        self.norm2, self.mlp, self.adaLN_modulation = block.norm2, block.mlp, block.adaLN_modulation
        self.self_attn, self.cross_attn = block.self_attn, block.cross_attn
        self._dense = dense

    def forward(
        self,
        x: Float[Tensor, "tokens channels"],
        modulation: Float[Tensor, "objects_or_one 6*channels"],
        objects: Segments,
        context: Context,
    ) -> Float[Tensor, "tokens channels"]:
        if objects.uniform_length is None:
            return super().forward(x, modulation, objects, context)
        groups = x.view(objects.num_groups, objects.uniform_length, -1)
        keys, values, constant = context.keys, context.values, context.unconditional()
        return self._dense(self, groups, modulation, keys, values, constant, None).flatten(0, 1)


def _self_attention(
    layer: SelfAttention,
    x: Tensor,
    lengths: Int[Tensor, " groups"] | None,
    backend: AttentionBackend,
    filled: AttentionAndSum,
) -> Tensor:
    q_gamma = None if layer.q_rms_norm is None else layer.q_rms_norm.gamma
    k_gamma = None if layer.k_rms_norm is None else layer.k_rms_norm.gamma
    qkv = layer.to_qkv(x)
    if lengths is not None:
        attended = filled_attention(qkv, lengths, layer.num_heads, q_gamma, k_gamma, filled)
    else:
        if q_gamma is not None and k_gamma is not None:
            qkv = normed_heads(qkv, q_gamma, k_gamma)
        q, k, v = qkv.unflatten(2, (3, layer.num_heads, -1)).unbind(dim=2)
        attended = _attention(q, k, v, backend)
    out: Tensor = layer.to_out(attended)
    return out


def _cross_attention(
    layer: CrossAttention, x: Tensor, keys: Tensor, values: Tensor, backend: AttentionBackend
) -> Tensor:
    q = layer.to_q(x).unflatten(2, (layer.num_heads, -1))
    if layer.q_rms_norm is not None:
        q = layer.q_rms_norm(q)
    out: Tensor = layer.to_out(_attention(q, keys, values, backend))
    return out


def _attention(q: Tensor, k: Tensor, v: Tensor, backend: AttentionBackend) -> Tensor:
    """[groups, length, heads, depth] in, heads side by side out."""
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    if backend == "default":
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
    with sdpa_kernel(BACKENDS[backend]):
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
