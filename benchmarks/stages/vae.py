"""FLUX's autoencoder: 64 x 64 latents to a 512 px image."""

import sys
from collections.abc import Iterator
from functools import partial

import torch

from benchmarks.bench import Case, Lab, run_stages
from benchmarks.measure import Call

FLOPS = 2.5e12


def cases(lab: Lab) -> Iterator[Case]:
    for layout, name in ((torch.contiguous_format, "planes"), (torch.channels_last, "channels last")):
        yield Case(name=f"decode 512 px, {name}", build=partial(_decode, lab, layout), flops=FLOPS)
    yield Case(name="decode 512 px, channels last, compiled", build=partial(_compiled, lab), flops=FLOPS)


def _latents(lab: Lab) -> torch.Tensor:
    return torch.randn(1, 16, 64, 64, device=lab.device, dtype=torch.bfloat16)


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
