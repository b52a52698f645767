"""FLUX's autoencoder: latents to an image of 512 px."""

import sys
from collections.abc import Iterator
from functools import partial

import torch

from benchmarks.bench import Case, Lab, Work, run_stages
from benchmarks.measure import Call

FLOPS = 2.5e12


def cases(lab: Lab) -> Iterator[Case]:
    for layout, name in ((torch.contiguous_format, "planes"), (torch.channels_last, "channels last")):
        yield Case(name=f"decode, {name}", build=partial(_decode, lab, layout), work=Work(flops=FLOPS))
    yield Case(name="decode, channels last, compiled", build=partial(_compiled, lab), work=Work(flops=FLOPS))


def _latents(lab: Lab) -> torch.Tensor:
    vae = lab.text_to_image._pipeline.vae
    side = lab.sizes.image // lab.text_to_image._pipeline.vae_scale_factor
    return torch.randn(1, vae.config.latent_channels, side, side, device=lab.device, dtype=vae.dtype)


def _decode(lab: Lab, layout: torch.memory_format) -> Call:
    vae = lab.text_to_image._pipeline.vae.to(memory_format=layout)
    z = _latents(lab).contiguous(memory_format=layout)
    return lambda: vae.decode(z, return_dict=False)[0]


def _compiled(lab: Lab) -> Call:
    vae = lab.text_to_image._pipeline.vae.to(memory_format=torch.channels_last)
    decoder = torch.compile(vae.decoder)
    z = _latents(lab).contiguous(memory_format=torch.channels_last)
    return partial(decoder, z)


if __name__ == "__main__":
    sys.exit(run_stages(["vae"]) > 0)
