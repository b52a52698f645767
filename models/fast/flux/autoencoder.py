"""The residual blocks of an autoencoder's decoder with what lies between two convolutions in kernels of ours.

    h = W1 * SiLU(GN(x));   h = W2 * SiLU(GN(h + b1));   x = W * x + h + (b2 + b)

Images lie channels last, as the convolutions of a GPU want them. The formula is that of diffusers' own.
"""

from functools import partial
from typing import cast

import torch
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn
from torch.nn import functional as F

from models.fast.flux.parts import Convolution, Decoder, ResidualBlock
from models.fast.kernels import biased_sum, group_normed
from models.fast.kernels.parameters import GroupNorm


def fuse_decoder(decoder: nn.Module) -> None:
    """Replaces the forward of every residual block and of the last norm, and lays weights channels last.

    Raises:
        ValueError: A block is of another form: with times, resampling, another activation or a scale.
    """
    decoder.to(memory_format=torch.channels_last)
    for block in decoder.modules():
        if isinstance(block, ResnetBlock2D):
            _check(block)
            vars(block)["forward"] = partial(residual_block, block)
    last = cast(Decoder, decoder)
    vars(last.conv_norm_out)["forward"] = partial(_normed, last.conv_norm_out)
    last.conv_act = nn.Identity()


def residual_block(block: ResidualBlock, x: Tensor, temb: None = None) -> Tensor:
    """The block's output [images, channels, height, width]."""
    h = _convolved(block.conv1, _normed(block.norm1, x))
    h = _convolved(block.conv2, _normed(block.norm2, h, block.conv1.bias))
    if block.conv_shortcut is None:
        return biased_sum(x, h, block.conv2.bias)
    return biased_sum(_convolved(block.conv_shortcut, x), h, block.conv2.bias + block.conv_shortcut.bias)


def _normed(norm: nn.GroupNorm, x: Tensor, bias: Tensor | None = None) -> Tensor:
    parameters = GroupNorm(weight=norm.weight, bias=norm.bias, num_groups=norm.num_groups, eps=norm.eps)
    return group_normed(x, parameters, bias=bias)


def _convolved(conv: Convolution, x: Tensor) -> Tensor:
    """Without the bias."""
    return F.conv2d(x, conv.weight, None, conv.stride, conv.padding)


def _check(block: ResnetBlock2D) -> None:
    usual = (
        isinstance(block.nonlinearity, nn.SiLU)
        and block.time_emb_proj is None
        and block.upsample is None
        and block.downsample is None
        and block.output_scale_factor == 1
        and (block.conv_shortcut is None or block.conv_shortcut.bias is not None)
    )
    if not usual:
        raise ValueError("this autoencoder's residual blocks are not those of FLUX")
