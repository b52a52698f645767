"""The judge: a classifier of kind and main colour, trained on ground-truth renders only and used by
`training.evaluate` only, never by the service. It sees every pair of kind and colour, those included that
the family must make without having seen them.

    python -m training.judge --data DIR --out DIR --minutes 4

Writes `judge.safetensors`.
"""

import logging
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from command_line.running import run_program
from models.gaussians.gaussians import Gaussians
from rendering.cameras import orbit
from rendering.renderer import SplatRenderer
from training.coloring import ColoringTable
from training.command import trainer_arguments
from training.loop import Average, Budget, TimedLoop, clip_and_step, save_half
from training.objects.catalog import KINDS
from training.objects.colors import COLOR_NAMES
from training.objects.dataset import load_geometries
from training.objects.renders import ObjectRenderer, orbit_views
from training.text.specs import draw_any_spec

IMAGE_SIZE = 128
AZIMUTHS, ELEVATION = (0.0, 35.0, 90.0, 145.0, 215.0, 325.0), 18  # of the views by which an object is named
WIDTHS = (32, 64, 128, 192)
FOV_DEGREES = 49.1
RADIUS = 1.6  # frames an object of extent 0.96 as radius 2.5 does one of extent 1.5


class Judge(nn.Module):
    """Residual convolutions, then one head for the kind and one for the main colour."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, WIDTHS[0], 5, stride=2, padding=2)
        stages = []
        for inputs, outputs in zip((WIDTHS[0], *WIDTHS[:-1]), WIDTHS, strict=True):
            stages += [
                nn.Conv2d(inputs, outputs, 3, stride=2, padding=1),
                Residual(outputs),
                Residual(outputs),
            ]
        self.stages = nn.Sequential(*stages)
        self.norm = nn.LayerNorm(WIDTHS[-1])
        self.kind = nn.Linear(WIDTHS[-1], len(KINDS))
        self.color = nn.Linear(WIDTHS[-1], len(COLOR_NAMES))

    def forward(
        self, images: Float[Tensor, "n 3 h w"]
    ) -> tuple[Float[Tensor, "n kinds"], Float[Tensor, "n colors"]]:
        """Logits of images in 0..1 on white."""
        h = self.norm(self.stages(self.stem(images * 2 - 1)).mean((2, 3)))
        return self.kind(h), self.color(h)


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(8, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(8, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        return x + self.layers(x)


def load_judge(file: Path, device: str) -> Judge:
    """The trained classifier."""
    judge = Judge().to(device).eval()
    judge.load_state_dict(load_file(file))
    return judge


def named(judge: Judge, splats: Gaussians, renderer: SplatRenderer, device: str) -> tuple[str, str]:
    """The kind and the main colour that an object shows in its views."""
    cameras = orbit(azimuths_degrees=AZIMUTHS, elevation_degrees=ELEVATION, size=IMAGE_SIZE)
    seen = renderer.render(splats, cameras).to(device).permute(0, 3, 1, 2).float() / 255
    kind, color = (int(logits.log_softmax(1).mean(0).argmax()) for logits in judge(seen))
    return KINDS[kind].name, COLOR_NAMES[color]


def main_colors(table: ColoringTable) -> Int[Tensor, "kinds specs"]:
    """Index of the main colour of every spec in the table."""
    names = [
        [COLOR_NAMES.index(spec.color or kind.default_color) for spec in specs]
        for kind, specs in zip(KINDS, table.specs, strict=True)
    ]
    return torch.tensor(names, device=table.colors.device)


def train(data: Path, out: Path, minutes: float, *, batch: int, max_steps: int | None, device: str) -> None:
    renderer = ObjectRenderer(load_geometries(data, device))
    table, generator = ColoringTable(4, device, draw_any_spec), torch.Generator(device).manual_seed(4)
    colors = main_colors(table)
    model = Judge().to(device)
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1.5e-3, weight_decay=0.02)
    average = Average({"judge": model}, decay=0.995)
    loop = TimedLoop("judge", Budget(60 * minutes, max_steps), optimizer)
    for step in loop:
        rows, spec, part_colors = table.draw(renderer.geometries, batch, generator, jitter=0.04)
        views = orbit_views(
            torch.rand(batch, 2, device=device) * 360,
            torch.rand(batch, 2, device=device) * 35,
            radius=RADIUS,
            fov_degrees=FOV_DEGREES,
            size=IMAGE_SIZE,
            zoom=0.9 + 0.25 * torch.rand(batch, 2, device=device),
        )
        with torch.no_grad():
            rgba = renderer.render(rows, part_colors, views).flatten(0, 1).permute(0, 3, 1, 2)
            image = rgba[:, :3] + 1 - rgba[:, 3:]
            if step % 2:
                image = F.avg_pool2d(image, 3, stride=1, padding=1, count_include_pad=False)
            image = image + 0.04 * torch.rand(2 * batch, 1, 1, 1, device=device) * torch.randn_like(image)
        kinds = renderer.geometries.kinds[rows]
        with torch.autocast(device, torch.bfloat16):
            kind_logits, color_logits = model(image)
        kind_loss = F.cross_entropy(kind_logits.float(), kinds.repeat_interleave(2), label_smoothing=0.05)
        color_loss = F.cross_entropy(
            color_logits.float(), colors[kinds, spec].repeat_interleave(2), label_smoothing=0.05
        )
        (kind_loss + color_loss).backward()
        clip_and_step(optimizer, parameters)
        average.update(step)
        loop.log(
            {
                "kind": (kind_logits.argmax(1) == kinds.repeat_interleave(2)).float().mean(),
                "color": (color_logits.argmax(1) == colors[kinds, spec].repeat_interleave(2)).float().mean(),
            }
        )
    save_half(out / "judge.safetensors", average.state_dict("judge"))


def main() -> None:
    parser = trainer_arguments(__doc__ or "", minutes=4, batch=64)
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
