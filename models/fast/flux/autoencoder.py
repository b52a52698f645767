"""The residual blocks of an autoencoder's decoder with what lies between two convolutions in kernels of ours.

    h = W1 * SiLU(GN(x));   h = W2 * SiLU(GN(h + b1));   x = W * x + h + (b2 + b)

Images lie channels last, as the convolutions of a GPU want them. The formula is that of diffusers' own.
"""

from functools import partial
from typing import cast

from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn
from torch.nn import functional as F

from models.fast.flux.parts import Convolution, Decoder, ResidualBlock
from models.fast.kernels import biased_sum, group_normed
from models.fast.kernels.parameters import GroupNorm
from models.fast.twins import StandIn, lay_channels_last, replace_parts, twin


def fused_decoder(decoder: nn.Module) -> nn.Module:
    """A decoder of the same values, with other residual blocks and last norm, weights channels last.

    Raises:
        ValueError: A block is of another form: with times, resampling, another activation or a scale.
    """
    fused = twin(decoder)
    lay_channels_last(fused)
    replace_parts(fused, _fused)
    last = cast(Decoder, fused)
    norm = last.conv_norm_out
    fused.set_submodule("conv_norm_out", StandIn(norm, partial(_normed, norm)))
    last.conv_act = nn.Identity()
    return fused


def _fused(part: nn.Module) -> nn.Module:
    if not isinstance(part, ResnetBlock2D):
        return part
    _check(part)
    return StandIn(part, partial(residual_block, cast(ResidualBlock, part)))


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
