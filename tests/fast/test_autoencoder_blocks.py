"""A fused decoder draws what diffusers' own draws."""

import copy

import pytest
import torch
from diffusers import AutoencoderKL
from diffusers.models.resnet import ResnetBlock2D
from torch import nn

from models.fast.flux.autoencoder import fused_decoder


def tiny_decoder() -> nn.Module:
    """Blocks with and without a shortcut, upsampling and attention, as FLUX's; every parameter random."""
    generator = torch.Generator().manual_seed(0)
    decoder: nn.Module = AutoencoderKL(
        block_out_channels=(16, 32),
        up_block_types=("UpDecoderBlock2D",) * 2,
        down_block_types=("DownEncoderBlock2D",) * 2,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
    ).decoder.eval()
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * parameter[0].numel() ** -0.5)
    return decoder


@torch.no_grad()
@pytest.mark.parametrize("shape", [(1, 4, 8, 8), (2, 4, 5, 9)])
def test_fused_blocks_change_rounding_only(shape: tuple[int, ...]) -> None:
    decoder = tiny_decoder()
    z = 5 * torch.randn(shape, generator=torch.Generator().manual_seed(1))
    expected, plain = copy.deepcopy(decoder).double()(z.double()), decoder(z)
    made = fused_decoder(decoder)(z)
    assert torch.equal(decoder(z), plain)
    assert (made.double() - expected).norm() < 1e-5 * expected.norm()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@torch.no_grad()
def test_a_gpu_draws_the_same() -> None:
    decoder = tiny_decoder()
    z = torch.randn(2, 4, 9, 16, generator=torch.Generator().manual_seed(1))
    expected = copy.deepcopy(decoder).double()(z.double())
    fused = fused_decoder(decoder.cuda())
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        made = fused(z.cuda()).cpu()
    assert (made.double() - expected).norm() < 1e-5 * expected.norm()


def test_blocks_of_another_form_are_refused() -> None:
    decoder = tiny_decoder()
    decoder.extra = ResnetBlock2D(in_channels=16, temb_channels=8, groups=8)
    with pytest.raises(ValueError, match="not those of FLUX"):
        fused_decoder(decoder)
