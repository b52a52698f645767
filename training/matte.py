"""Background removal: a narrow ISNet on objects over plain and busy backgrounds.

    python -m training.matte --data DIR --out DIR --minutes 5

Writes `matte/config.json` and `matte/isnet.safetensors`, the layout that `models.matte` loads.
"""

import dataclasses
import json
import logging
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from command_line.running import run_program
from models.matte.isnet import Isnet, IsnetConfig
from training.coloring import ColoringTable
from training.command import trainer_arguments
from training.loop import Average, Budget, TimedLoop, clip_and_step, save_half
from training.objects.dataset import load_geometries
from training.objects.renders import ObjectRenderer, orbit_views
from training.photos import blurred
from training.pictures import BACKDROP

INPUT_SIZE = 256
CONFIG = IsnetConfig.narrow(width_divisor=8, input_size=INPUT_SIZE)
PLAIN_SHARE = 0.6


def scenes(
    renderer: ObjectRenderer, table: ColoringTable, batch: int, generator: torch.Generator
) -> tuple[Float[Tensor, "batch 3 h w"], Float[Tensor, "batch 1 h w"]]:
    """Pictures of objects, 0 to 1, and their true mattes."""
    rows, _, part_colors = table.draw(renderer.geometries, batch, generator, jitter=0.08)
    device = part_colors.device
    views = orbit_views(
        torch.rand(batch, 1, device=device) * 100 - 20,
        torch.rand(batch, 1, device=device) * 40,
        size=INPUT_SIZE,
        zoom=0.75 + 0.55 * torch.rand(batch, 1, device=device),
    )
    rgba = renderer.render(rows, part_colors, views)[:, 0].permute(0, 3, 1, 2)
    rgba = blurred(rgba) if torch.rand(()) < 0.7 else rgba
    image = rgba[:, :3] + (1 - rgba[:, 3:]) * backgrounds(batch, device)
    gain = 0.9 + 0.2 * torch.rand(batch, 1, 1, 1, device=device)
    noise = torch.randn_like(image) * 0.03 * torch.rand(batch, 1, 1, 1, device=device)
    return (image * gain + noise).clamp(0, 1), rgba[:, 3:].clamp(0, 1)


def backgrounds(batch: int, device: torch.device) -> Float[Tensor, "batch 3 h w"]:
    """Bright plain backdrops with a vertical gradient, and coloured, blotchy ones."""
    ramp = torch.linspace(1, 0, INPUT_SIZE, device=device)[None, None, :, None]
    slope = (torch.rand(batch, 1, 1, 1, device=device) - 0.3) * 0.2
    plain = torch.tensor(BACKDROP, device=device)[None, :, None, None] * (0.94 + slope * (ramp - 0.5))
    coarse = torch.rand(batch, 3, 5, 5, device=device)
    blotches = F.interpolate(coarse, size=INPUT_SIZE, mode="bicubic").clamp(0, 1)
    color = torch.rand(batch, 3, 1, 1, device=device)
    busy = color.lerp(blotches, torch.rand(batch, 1, 1, 1, device=device))
    return torch.where(
        torch.rand(batch, 1, 1, 1, device=device) < PLAIN_SHARE, plain.expand(-1, -1, -1, INPUT_SIZE), busy
    )


def train(data: Path, out: Path, minutes: float, *, batch: int, max_steps: int | None, device: str) -> None:
    renderer = ObjectRenderer(load_geometries(data, device))
    table, generator = ColoringTable(3, device), torch.Generator(device).manual_seed(3)
    model = Isnet(CONFIG).to(device)
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=2e-3, weight_decay=0.01)
    average = Average({"isnet": model}, decay=0.995)
    loop = TimedLoop("matte", Budget(60 * minutes, max_steps), optimizer)
    for step in loop:
        with torch.no_grad():
            image, matte = scenes(renderer, table, batch, generator)
        with torch.autocast(device, torch.bfloat16):
            sides = model.side_logits(image - 0.5)
        per_side = [F.binary_cross_entropy_with_logits(side.float(), matte) for side in sides]
        error = (sides[0].float().sigmoid() - matte).abs().mean()
        (2 * per_side[0] + 0.3 * torch.stack(per_side[1:]).sum() + error).backward()
        clip_and_step(optimizer, parameters)
        average.update(step)
        loop.log({"bce": per_side[0], "error": error})
    folder = out / "matte"
    save_half(folder / "isnet.safetensors", average.state_dict("isnet"))
    (folder / "config.json").write_text(json.dumps(dataclasses.asdict(CONFIG), indent=1))


def main() -> None:
    parser = trainer_arguments(__doc__ or "", minutes=5, batch=32)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    train(
        arguments.data,
        arguments.out,
        arguments.minutes,
        batch=arguments.batch,
        max_steps=arguments.max_steps,
        device=arguments.device,
    )


if __name__ == "__main__":
    run_program(main)
