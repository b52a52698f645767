"""FLUX's autoencoder: latents to an image of 512 px.

A decoder that was fused stays so: diffusers' own comes first.
"""

from collections.abc import Iterator
from functools import partial

import torch

from benchmarks.bench import Case, Lab, Work, error_of_first, run_stages
from benchmarks.measure import Call
from command_line.running import run_program
from models.fast.flux.acceleration import ImageSwitches, accelerate
from models.image.text_to_image import TextToImage

FLOPS = 2.5e12


def cases(lab: Lab) -> Iterator[Case]:
    work, plain = Work(flops=FLOPS), list[torch.Tensor]()
    for layout, name in ((torch.contiguous_format, "planes"), (torch.channels_last, "channels last")):
        yield Case(name=f"decode, {name}", build=partial(_decode, lab, layout, plain), work=work)
    fused = list[torch.Tensor]()
    yield Case(
        name="decode, fused",
        build=partial(_fused, lab, fused),
        work=work,
        error=partial(error_of_first, fused, plain),
    )


def _latents(lab: Lab) -> torch.Tensor:
    vae = lab.text_to_image.pipeline.vae
    side = lab.sizes.image // lab.text_to_image.pipeline.vae_scale_factor
    generator = torch.Generator(lab.device).manual_seed(0)
    shape = (1, vae.config.latent_channels, side, side)
    return torch.randn(shape, device=lab.device, dtype=vae.dtype, generator=generator)


def _decode(
    lab: Lab, layout: torch.memory_format, made: list[torch.Tensor], model: TextToImage | None = None
) -> Call:
    vae = (model or lab.text_to_image).pipeline.vae.to(memory_format=layout)
    z = _latents(lab).contiguous(memory_format=layout)

    def run() -> torch.Tensor:
        image: torch.Tensor = vae.decode(z, return_dict=False)[0]
        return image

    made.append(run())
    return run


def _fused(lab: Lab, made: list[torch.Tensor]) -> Call:
    fused = accelerate(lab.text_to_image, ImageSwitches(autoencoder=True))
    return _decode(lab, torch.channels_last, made, fused)


if __name__ == "__main__":
    run_program(lambda: int(run_stages(["vae"]) > 0))
