"""The parts of diffusers' networks that the fast forms use: what has to be there, by diffusers' names.

diffusers' own types say less: its blocks hold modules, and what a module holds has no type. A version that
renames a part fails the tests at the call that hands the block over.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from torch import Tensor, nn

Layer = Callable[[Tensor], Tensor]


class Weighted(Protocol):
    """A norm without shift."""

    weight: Tensor


class Modulation(Protocol):
    """A norm whose scales and shifts come from the time."""

    linear: Layer


class Attention(Protocol):
    """Queries, keys and values of one kind of tokens."""

    to_q: Layer
    to_k: Layer
    to_v: Layer
    norm_q: Weighted
    norm_k: Weighted


class JointAttention(Attention, Protocol):
    """The same for image and text, and what follows."""

    add_q_proj: Layer
    add_k_proj: Layer
    add_v_proj: Layer
    norm_added_q: Weighted
    norm_added_k: Weighted
    to_out: Sequence[Layer]
    to_add_out: Layer


class Projection(Protocol):
    """A linear layer with its activation."""

    proj: nn.Module


class FeedForward(Protocol):
    """`net` is a `Projection`, dropout and a linear layer."""

    net: nn.ModuleList


class DoubleBlock(Protocol):
    """A block of FLUX.1 that keeps text and image apart."""

    norm1: Modulation
    norm1_context: Modulation
    attn: JointAttention
    ff: FeedForward
    ff_context: FeedForward


class SingleBlock(Protocol):
    """A block of FLUX.1 on text and image in one row."""

    norm: Modulation
    attn: Attention
    proj_mlp: nn.Module
    proj_out: Layer


class Convolution(Protocol):
    """One with a bias."""

    weight: Tensor
    bias: Tensor
    stride: tuple[int, ...]
    padding: str | tuple[int, ...]


class ResidualBlock(Protocol):
    """A block of the autoencoder."""

    norm1: nn.GroupNorm
    norm2: nn.GroupNorm
    conv1: Convolution
    conv2: Convolution
    conv_shortcut: Convolution | None


class Decoder(Protocol):
    """The autoencoder's decoder, as far as its end is concerned."""

    conv_norm_out: nn.GroupNorm
    conv_act: nn.Module
