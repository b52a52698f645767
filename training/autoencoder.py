"""Training of the autoencoder: pictures in, sharp pictures out, latents near a unit normal."""

import logging

import torch
from diffusers import AutoencoderKL
from jaxtyping import Float, UInt8
from torch import Tensor

from training.loop import Budget, TimedLoop, clip_and_step

logger = logging.getLogger(__name__)
LEARNING_RATE = 1.5e-3
EDGE_WEIGHT = 0.5
SQUARE_WEIGHT = 4.0
KL_WEIGHT = 1e-4
WARM_UP_STEPS = 200


def to_network(pictures: UInt8[Tensor, "batch height width 3"]) -> Float[Tensor, "batch 3 height width"]:
    """Stored pictures as the network's input, -1 to 1."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1


def edges(pictures: Float[Tensor, "batch 3 height width"]) -> tuple[Tensor, Tensor]:
    """Differences between neighbours down and across."""
    return pictures.diff(dim=2), pictures.diff(dim=3)


def reconstruction_loss(output: Float[Tensor, "batch 3 h w"], target: Float[Tensor, "batch 3 h w"]) -> Tensor:
    """Squared and absolute error of values, absolute error of edges.

    Absolute errors make sharp pictures, but alone they are content with the backdrop for a long time: most
    pixels show it.
    """
    error = output - target
    loss = error.abs().mean() + SQUARE_WEIGHT * error.square().mean()
    for ours, theirs in zip(edges(output), edges(target), strict=True):
        loss = loss + EDGE_WEIGHT * (ours - theirs).abs().mean()
    return loss


def train_autoencoder(
    vae: AutoencoderKL, bank: UInt8[Tensor, "pictures height width 3"], budget: Budget, *, batch: int
) -> None:
    """Trains in place until the budget is spent."""
    device = bank.device
    vae.to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(vae.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=1e-4)
    loop = TimedLoop("vae", budget, optimizer, warm_up_steps=WARM_UP_STEPS)
    for _ in loop:
        pictures = to_network(bank[torch.randint(len(bank), (batch,), device=device)])
        pictures = torch.where(torch.rand(batch, 1, 1, 1, device=device) < 0.5, pictures.flip(3), pictures)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            posterior = vae.encode(pictures).latent_dist
            output = vae.decode(posterior.sample()).sample
        mean, logvar = posterior.mean.float(), posterior.logvar.float()
        kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).mean()
        fidelity = reconstruction_loss(output.float(), pictures)
        (fidelity + KL_WEIGHT * kl).backward()
        clip_and_step(optimizer, list(vae.parameters()))
        loop.log({"loss": fidelity, "kl": kl})
    vae.eval()


@torch.no_grad()
def encode_bank(
    vae: AutoencoderKL, bank: UInt8[Tensor, "pictures height width 3"], *, batch: int = 128
) -> Float[Tensor, "pictures channels h w"]:
    """Mean latents of all pictures, half precision, not yet scaled."""
    parts = []
    for start in range(0, len(bank), batch):
        with torch.autocast(bank.device.type, dtype=torch.bfloat16):
            parts.append(vae.encode(to_network(bank[start : start + batch])).latent_dist.mean.half())
    return torch.cat(parts)


def set_latent_scale(vae: AutoencoderKL, latents: Float[Tensor, "pictures channels h w"]) -> None:
    """Stores the shift and scale after which latents have mean 0 and standard deviation 1."""
    some = latents[:4096].float()
    vae.register_to_config(shift_factor=some.mean().item(), scaling_factor=1 / max(some.std().item(), 1e-3))


@torch.no_grad()
def psnr(vae: AutoencoderKL, bank: UInt8[Tensor, "pictures height width 3"]) -> float:
    """Peak signal-to-noise ratio of reconstructions in dB, at full precision."""
    pictures = to_network(bank[:64])
    output = vae.decode(vae.encode(pictures).latent_dist.mean).sample
    return float(10 * torch.log10(4 / (output - pictures).square().mean()))
