"""Structure autoencoder: 64^3 occupancy to 16^3 x 8 latents and back.

    python -m training.structure_vae --data DIR --out DIR --minutes 3

The decoder is the shipped architecture; the encoder exists for training only. Writes `structure_encoder` and
`structure_decoder` (safetensors).
"""

import logging
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from command_line.arguments import user_path
from command_line.running import run_program
from models.structure.decoder import StructureDecoder, StructureDecoderConfig
from training.command import trainer_arguments
from training.loop import Average, Budget, TimedLoop, clip_and_step, load_matching, save_half
from training.objects.dataset import load_geometries
from training.shipped import load_checkpoint
from training.voxels import occupancy

logger = logging.getLogger(__name__)
RESOLUTION = 64
LATENT_CHANNELS = 8
DECODER = StructureDecoderConfig(
    out_channels=1,
    latent_channels=LATENT_CHANNELS,
    num_res_blocks=1,
    num_res_blocks_middle=2,
    channels=(48, 32, 16),
)
KL_WEIGHT = 2e-4
OCCUPIED_WEIGHT = 3.0
LATENT_ERROR = 0.12


class StructureEncoder(nn.Module):
    """Strided convolutions from occupancy to latent means and log variances."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv3d(1, 24, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv3d(24, 32, 3, padding=1),
            nn.SiLU(),
            nn.Conv3d(32, 64, 4, stride=2, padding=1),
            nn.GroupNorm(8, 64),
            nn.SiLU(),
            nn.Conv3d(64, 96, 3, padding=1),
            nn.GroupNorm(8, 96),
            nn.SiLU(),
            nn.Conv3d(96, 2 * LATENT_CHANNELS, 3, padding=1),
        )

    def forward(self, grid: Float[Tensor, "batch 1 x y z"]) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.layers(grid * 2 - 1).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 4)


def augmented(positions: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points 3"]:
    """Random mirror images, sizes and shifts: the autoencoder must not depend on the pose."""
    batch, device = positions.shape[0], positions.device
    sign = torch.randint(0, 2, (batch, 1, 3), device=device) * 2 - 1
    size = 0.75 + 0.27 * torch.rand(batch, 1, 3, device=device)
    moved = positions.float() * sign * size
    return moved + (torch.rand(batch, 1, 3, device=device) - 0.5) * (1 - size) * 0.9


def train(
    data: Path,
    out: Path,
    minutes: float,
    *,
    batch: int,
    max_steps: int | None,
    device: str,
    resume: Path | None = None,
    start_from: Path | None = None,
) -> None:
    """Train both halves; with `resume`, the decoder alone, on the poses that exist and on inexact latents;
    with `start_from`, the encoder alone, for the exported decoder.
    """
    whole = resume is None and start_from is None
    geometries = load_geometries(data, device)
    encoder, decoder = StructureEncoder().to(device), StructureDecoder(DECODER).to(device)
    if resume is not None:
        load_matching(encoder.requires_grad_(False), resume / "structure_encoder.safetensors")
        load_matching(decoder, resume / "structure_decoder.safetensors")
    if start_from is not None:
        load_checkpoint(decoder.requires_grad_(False), start_from, "structure_decoder")
    parameters = [p for p in (*encoder.parameters(), *decoder.parameters()) if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01)
    average = Average({"encoder": encoder, "decoder": decoder}, decay=0.995)
    loop = TimedLoop("structure_vae", Budget(60 * minutes, max_steps), optimizer)
    for step in loop:
        rows = torch.randint(0, len(geometries), (batch,), device=device)
        positions = geometries.positions[rows]
        grid = occupancy(augmented(positions) if step % 2 and whole else positions.float(), RESOLUTION)
        with torch.autocast(device, torch.bfloat16):
            mean, log_variance = encoder(grid)
            deviation = (0.5 * log_variance).exp() if resume is None else LATENT_ERROR
            latent = mean + torch.randn_like(mean) * deviation
            logits = decoder(latent).float()
        weight = 1 + (OCCUPIED_WEIGHT - 1) * grid
        reconstruction = F.binary_cross_entropy_with_logits(logits, grid, weight=weight)
        probability = logits.sigmoid()
        dice = 1 - 2 * (probability * grid).sum() / (probability.sum() + grid.sum())
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()
        (10 * reconstruction + dice + KL_WEIGHT * 10 * kl).backward()
        clip_and_step(optimizer, parameters)
        average.update(step)
        loop.log({"bce": reconstruction, "dice": dice, "kl": kl, "iou": iou(logits, grid), "std": mean.std()})
    encoder.load_state_dict(average.state_dict("encoder"))
    decoder.load_state_dict(average.state_dict("decoder"))
    rows = torch.randint(0, len(geometries), (64,), device=device)
    with torch.no_grad():
        grid = occupancy(geometries.positions[rows].float(), RESOLUTION)
        if whole:
            unit_deviation(
                encoder, decoder, float(torch.cat([encoder(part)[0] for part in grid.split(8)]).std())
            )
        score = torch.stack([iou(decoder(encoder(part)[0]), part) for part in grid.split(8)]).mean()
    logger.info("structure_vae: IoU %.4f of mean latents", float(score))
    save_half(out / "structure_decoder.safetensors", decoder.state_dict())
    if resume is None:
        save_half(out / "structure_encoder.safetensors", encoder.state_dict())


@torch.no_grad()
def unit_deviation(encoder: StructureEncoder, decoder: StructureDecoder, deviation: float) -> None:
    """Rescale the latents to deviation 1, which flow matching expects; the decoder undoes it exactly."""
    last = encoder.layers[-1]
    assert isinstance(last, nn.Conv3d)
    assert last.bias is not None
    last.weight[:LATENT_CHANNELS] /= deviation
    last.bias[:LATENT_CHANNELS] /= deviation
    decoder.input_layer.weight *= deviation


def iou(logits: Float[Tensor, "batch 1 x y z"], grid: Float[Tensor, "batch 1 x y z"]) -> Tensor:
    """Intersection over union of predicted and true occupancy."""
    predicted, truth = logits > 0, grid > 0.5
    return (predicted & truth).sum() / (predicted | truth).sum()


def main() -> None:
    parser = trainer_arguments(__doc__ or "", minutes=3, batch=20)
    parser.add_argument(
        "--resume", type=user_path, help="folder with both halves: train the decoder on, keep the encoder"
    )
    parser.add_argument(
        "--start-from", type=user_path, help="exported folder: keep its decoder, fit an encoder"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    train(
        arguments.data,
        arguments.out,
        arguments.minutes,
        batch=arguments.batch,
        max_steps=arguments.max_steps,
        device=arguments.device,
        resume=arguments.resume,
        start_from=arguments.start_from,
    )


if __name__ == "__main__":
    run_program(main)
