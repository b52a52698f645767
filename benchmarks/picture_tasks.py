"""Pictures of objects to objects, and what becomes of pictures of none: what the similarity threshold is for.

    python -m benchmarks.picture_tasks [--num 100] [--rejects 30] [--judge FILE] [--sheet] [--out DIR]

Draws kinds of the embedded family in main colours that no training saw, from views and on backgrounds of all
sorts (white, grey, gradient), and gives the pictures to the service's stages: matting, 3D, clean-up, views,
scores, one retry included. Beside them noise, screenshots of text and landscapes. Says how many objects
are served and right, and how many of the others end in 204. `training.judge`'s weights, if given, say
whether kind and colour are right; without them a gallery does, which learned nothing: the kind whose own
instances have the most similar outlines, and the colour that its instances' mean colour is nearest to.
The last line is JSON.
"""

import argparse
import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from command_line.arguments import at_least_one, device_name, out_folder, positive, user_path
from command_line.names import set_aside
from command_line.running import run_program
from configuration import read_configuration
from configuration.schema import ValidationOptions
from models.errors import MinerError
from models.gaussians.cleanup import clean_up
from models.gaussians.gaussians import Gaussians
from models.matte import MatteCutter
from models.trellis.image_to_3d import ImageTo3D, SamplerSettings
from rendering.cameras import orbit
from rendering.renderer import SplatRenderer, create_renderer
from training.objects.catalog import KINDS
from training.objects.cloud import Cloud, build_cloud
from training.objects.colors import COLOR_NAMES, COLOR_SRGB
from training.objects.kind import Kind
from training.objects.occlusion import baked_shade
from training.objects.renders import FLATNESS, quaternion_to
from training.text.specs import Spec, held_out_pairs, part_colors
from validation.geometry import failed_gate, measure
from validation.reference import reference_view
from validation.scorer import Scorer

logger = logging.getLogger(__name__)
SIDE = 512
NEW_INSTANCES = 900_000_000  # seeds from here on belong to no training set
GROWTH = 1.5 / 0.96  # of the trainings' objects to the service's
BACKGROUNDS = ("white", "grey", "gradient")
GALLERY_VIEWS = (20.0, 110.0, 200.0, 290.0)
GALLERY_SIDE = 48
RETRY_STEP = 7919  # between the seeds of two attempts
JUDGE_VIEWS = (0.0, 35.0, 90.0, 145.0, 215.0, 325.0)

Pixels = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What became of one picture."""

    name: str
    color: str | None
    failure: str | None = None
    similarity: float | None = None
    best: float | None = None
    mean: float | None = None
    aesthetics: float | None = None
    judged_kind: str | None = None
    judged_color: str | None = None


def splats_of(cloud: Cloud, colors: NDArray[np.float64]) -> Gaussians:
    """A ground-truth object in the renderer's space (+Y up, front +Z)."""

    def turned(vectors: NDArray[np.float64]) -> Float[Tensor, "points 3"]:
        x, y, z = np.asarray(vectors, np.float32).T
        return torch.from_numpy(np.stack([x, z, -y], axis=1))

    radii = torch.from_numpy(np.asarray(cloud.radii, np.float32))
    return Gaussians(
        means=turned(cloud.positions) * GROWTH,
        scales=torch.stack([radii, radii, radii * FLATNESS], 1) * GROWTH,
        quats_wxyz=quaternion_to(turned(cloud.normals)),
        opacities=torch.full((len(radii),), 0.99),
        colors=torch.from_numpy(colors.astype(np.float32)),
    )


def painted(kind: Kind, color: str | None, cloud: Cloud) -> NDArray[np.float64]:
    """Shaded colours of an instance's points."""
    names = part_colors(kind, Spec(kind=kind.name, color=color))
    flat = np.array([COLOR_SRGB[name] for name in names])[cloud.parts]
    shade = baked_shade(cloud.positions, cloud.normals) * (cloud.tones / 128)
    colors: NDArray[np.float64] = np.clip(flat * shade[:, None], 0, 1)
    return colors


def picture_of(
    splats: Gaussians, renderer: SplatRenderer, background: str, azimuth: float, rng: np.random.Generator
) -> Pixels:
    """One view from above, on a background."""
    cameras = orbit(
        azimuths_degrees=[azimuth],
        elevation_degrees=float(rng.uniform(5, 30)),
        size=SIDE,
        radius=float(rng.uniform(2.8, 3.6)),
    )
    white = renderer.render(splats, cameras)[0].numpy().astype(np.float32)
    black = Gaussians(**{**_fields(splats), "colors": torch.zeros_like(splats.colors)})
    light = renderer.render(black, cameras)[0].numpy().astype(np.float32) / 255  # what shows through
    color = white - 255 * light
    rows = np.linspace(0, 1, SIDE)[:, None, None]
    backdrop = {
        "white": np.full((1, 1, 3), 255.0),
        "grey": np.full((1, 1, 3), float(rng.uniform(110, 215))),
        "gradient": (1 - rows) * rng.uniform(150, 250, 3) + rows * rng.uniform(90, 230, 3),
    }[background]
    picture: Pixels = (color + light * backdrop).clip(0, 255).astype(np.uint8)
    return picture


def _fields(splats: Gaussians) -> dict[str, Tensor]:
    return {name: getattr(splats, name) for name in ("means", "scales", "quats_wxyz", "opacities", "colors")}


def noise(rng: np.random.Generator) -> Pixels:
    """Every pixel at random."""
    return rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def screenshot(rng: np.random.Generator) -> Pixels:
    """A page of text."""
    dark = rng.random() < 0.3
    page = Image.new("RGB", (SIDE, SIDE), (24, 26, 30) if dark else (250, 250, 250))
    draw, letters = ImageDraw.Draw(page), "etaoinshrdlucmfwypvbgk     "
    for line in range(int(rng.integers(12, 30))):
        text = "".join(rng.choice(list(letters), int(rng.integers(20, 78))))
        draw.text((14, 10 + 16 * line), text, fill=(210, 212, 214) if dark else (30, 30, 34))
    return np.asarray(page)


def landscape(rng: np.random.Generator) -> Pixels:
    """Sky, ridges one behind the other, and ground, from edge to edge."""
    rows = np.linspace(0, 1, SIDE)[:, None, None]
    image = (1 - rows) * rng.uniform((60, 110, 170), (140, 180, 250)) + rows * rng.uniform(180, 250, 3)
    image = np.broadcast_to(image, (SIDE, SIDE, 3)).copy()
    columns = np.arange(SIDE)
    for ridge in range(4):
        phases, waves = rng.uniform(0, 6.3, 5), rng.uniform(0.5, 9, 5)
        line = sum(np.sin(columns / SIDE * 6.3 * w + p) / w for w, p in zip(waves, phases, strict=True))
        height = SIDE * (0.35 + 0.16 * ridge) + 40 * line
        below = np.arange(SIDE)[:, None] > height[None]
        ground = rng.uniform((30, 60, 25), (150, 170, 110)) * (0.6 + 0.4 * rng.random())
        image[below] = ground + rng.normal(0, 14, (int(below.sum()), 1))
    return image.clip(0, 255).astype(np.uint8)


REJECTS = {"noise": noise, "screenshot": screenshot, "landscape": landscape}


class Gallery:
    """Outlines and mean colours of every kind's other instances."""

    def __init__(self, renderer: SplatRenderer, instances: int = 1) -> None:
        """Draws them."""
        self._renderer = renderer
        self._clouds = {
            kind.name: [build_cloud(kind, NEW_INSTANCES + 500_000 + i) for i in range(instances)]
            for kind in KINDS
        }
        self._outlines = {
            name: [self._outline(splats_of(cloud, np.zeros((len(cloud.radii), 3)))) for cloud in clouds]
            for name, clouds in self._clouds.items()
        }

    def judge(self, splats: Gaussians, kind: Kind) -> tuple[str, str]:
        """The kind of the most similar outlines, and which of `kind`'s colourings it is nearest to."""
        seen = self._outline(splats)
        overlap = {
            name: max(float((seen & one).sum() / (seen | one).sum()) for one in some)
            for name, some in self._outlines.items()
        }
        weights = (splats.opacities * splats.scales.prod(1) ** (2 / 3))[:, None]
        mean = ((splats.colors * weights).sum(0) / weights.sum()).numpy()
        cloud = self._clouds[kind.name][0]
        area = cloud.radii[:, None] ** 2
        distances = {
            color: float(np.linalg.norm((painted(kind, color, cloud) * area).sum(0) / area.sum() - mean))
            for color in COLOR_NAMES
        }
        return max(overlap, key=overlap.__getitem__), min(distances, key=distances.__getitem__)

    def _outline(self, splats: Gaussians) -> NDArray[np.bool_]:
        dark = Gaussians(**{**_fields(splats), "colors": torch.zeros_like(splats.colors)})
        cameras = orbit(azimuths_degrees=GALLERY_VIEWS, elevation_degrees=15, size=GALLERY_SIDE)
        outline: NDArray[np.bool_] = self._renderer.render(dark, cameras)[..., 0].numpy() < 128
        return outline


class Stages:
    """The service's stages behind a picture, in one process."""

    def __init__(self, weights: Path, device: str, judge_file: Path | None) -> None:
        """Loads them with the configuration's settings."""
        self._settings = read_configuration(Path("configuration.yaml"), {"MINER__PROFILE": "embedded"})
        self._matting = MatteCutter.load(weights / "matte", device=device)
        self._image_to_3d = ImageTo3D.load(weights / "image_to_3d", device=device)
        self._scorer = Scorer.load(weights / "validation", device=torch.device(device))
        self.renderer = create_renderer(device)
        self._device = device
        self._judge = None if judge_file is None else load_judge(judge_file, device)
        self.gallery = Gallery(self.renderer)

    @property
    def options(self) -> ValidationOptions:
        """The configuration's thresholds."""
        return self._settings.validation

    def make(
        self, name: str, color: str | None, picture: Pixels, seed: int
    ) -> tuple[list[Row], Gaussians | None]:
        """Attempts until one passes or the service would give up, and the last one's object."""
        attempts: list[Row] = []
        splats = None
        for attempt in range(1 + self.options.max_retries):
            row, splats = self.run(name, color, picture, seed + attempt * RETRY_STEP)
            attempts.append(row)
            if passes(row, self.options):
                break
        return attempts, splats

    @torch.inference_mode()
    def run(self, name: str, color: str | None, picture: Pixels, seed: int) -> tuple[Row, Gaussians | None]:
        """One attempt."""
        cut_out = self._matting.cut_out([picture])[0]
        if isinstance(cut_out, Exception):
            return Row(name=name, color=color, failure=str(cut_out)), None
        stages = self._settings.image_to_3d.stages
        made = self._image_to_3d.generate(
            [cut_out],
            [seed],
            structure=SamplerSettings(**asdict(stages.structure)),
            latents=SamplerSettings(**asdict(stages.latents)),
        )[0]
        try:
            if isinstance(made, Exception):
                raise made
            splats = clean_up(made, frame="validator")
        except (MinerError, ValueError) as error:
            return Row(name=name, color=color, failure=str(error)), None
        return self._scored(name, color, cut_out, splats), splats

    def _scored(
        self, name: str, color: str | None, cut_out: UInt8[np.ndarray, "h w 4"], splats: Gaussians
    ) -> Row:
        options = self._settings.validation
        views = self.renderer.render(splats, orbit(options.views, size=options.view_size))
        picture = torch.from_numpy(reference_view(cut_out, options.view_size))
        scores = self._scorer.score([None], [views], [picture])[0]
        embedded = self._scorer.embed_views(self._scorer.prepare(views))
        cosines = embedded @ self._scorer.embed_views(self._scorer.prepare(picture[None]))[0]
        kind, shown = (None, None) if color is None else self._named(splats, name)
        return Row(
            name=name,
            color=color,
            failure=failed_gate(measure(splats), min_splats=options.min_splats),
            similarity=scores.similarity,
            best=float(cosines.max()),
            mean=float(cosines.mean()),
            aesthetics=scores.aesthetics,
            judged_kind=kind,
            judged_color=shown,
        )

    def _named(self, splats: Gaussians, name: str) -> tuple[str, str]:
        if self._judge is None:
            return self.gallery.judge(splats, next(kind for kind in KINDS if kind.name == name))
        cameras = orbit(azimuths_degrees=JUDGE_VIEWS, elevation_degrees=18, size=128)
        seen = self.renderer.render(splats, cameras).to(self._device).permute(0, 3, 1, 2).float() / 255
        kind, color = self._judge(seen)
        return (
            KINDS[int(kind.log_softmax(1).mean(0).argmax())].name,
            COLOR_NAMES[int(color.log_softmax(1).mean(0).argmax())],
        )


def load_judge(file: Path, device: str) -> torch.nn.Module:
    """The trained classifier."""
    from safetensors.torch import load_file

    from training.judge import Judge

    judge = Judge().to(device).eval()
    judge.load_state_dict(load_file(file))
    return judge


def objects(num: int, renderer: SplatRenderer, seed: int) -> Iterator[tuple[str, str, Pixels]]:
    """Pictures of kinds in colours that no training saw."""
    rng = np.random.default_rng(seed)
    pairs, kinds = held_out_pairs(KINDS), {kind.name: kind for kind in KINDS}
    for number, pair in enumerate(rng.permutation(len(pairs))[:num]):
        name, color = pairs[pair]
        cloud = build_cloud(kinds[name], NEW_INSTANCES + number)
        splats = splats_of(cloud, painted(kinds[name], color, cloud))
        background, azimuth = BACKGROUNDS[number % len(BACKGROUNDS)], float(rng.uniform(-60, 60))
        logger.info("%s %s, %s, %.0f degrees", color, name, background, azimuth)
        yield name, color, picture_of(splats, renderer, background, azimuth, rng)


def summary(pictures: Sequence[Sequence[Row]], options: ValidationOptions) -> dict[str, float]:
    """Shares of objects that are served and right, and of other pictures that end in 204.

    Args:
        pictures: The attempts at each, of which the last one counts.
        options: With the thresholds.
    """
    last = [attempts[-1] for attempts in pictures]
    wanted = [row for row in last if row.color is not None]
    others = [row for row in last if row.color is None]
    served = [row for row in wanted if passes(row, options)]
    firsts = [attempts[0] for attempts in pictures if attempts[0].color is not None]
    return {
        "served": share(passes(row, options) for row in wanted),
        "served_at_once": share(passes(row, options) for row in firsts),
        "kind_right": share(row in served and row.judged_kind == row.name for row in wanted),
        "color_right": share(row in served and row.judged_color == row.color for row in wanted),
        "both_right": share(
            row in served and (row.judged_kind, row.judged_color) == (row.name, row.color) for row in wanted
        ),
        **{
            f"204_{kind}": share(not passes(row, options) for row in others if row.name == kind)
            for kind in REJECTS
        },
    }


def passes(row: Row, options: ValidationOptions) -> bool:
    """Whether an attempt's object would be served."""
    if row.failure is not None or row.similarity is None or row.aesthetics is None:
        return False
    return row.similarity >= options.similarity and row.aesthetics >= options.aesthetics


def share(values: Iterator[bool]) -> float:
    """Of those that are true."""
    return round(float(np.mean([float(value) for value in values] or [0.0])), 3)


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num", type=at_least_one, default=100)
    parser.add_argument("--rejects", type=at_least_one, default=30)
    parser.add_argument("--weights", type=user_path, default=Path("models/embedded"))
    parser.add_argument("--judge", type=user_path)
    parser.add_argument("--out", type=out_folder)
    parser.add_argument("--device", type=device_name, default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=positive, default=3600.0, help="begin no picture after so many")
    parser.add_argument(
        "--sheet", action="store_true", help="also every picture beside two views of its object"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    stages = Stages(arguments.weights, arguments.device, arguments.judge)
    rng = np.random.default_rng(arguments.seed + 1)
    others = [
        (name, None, draw(rng)) for _ in range(arguments.rejects // 3) for name, draw in REJECTS.items()
    ]
    pictures, strips, started = list[list[Row]](), list[Pixels](), time.perf_counter()
    drawn = chain(others, objects(arguments.num, stages.renderer, arguments.seed))
    report: dict[str, Any] = {"judge": "gallery" if arguments.judge is None else arguments.judge.name}
    for name, color, picture in drawn:
        attempts, splats = stages.make(name, color, picture, seed=len(pictures))
        pictures.append(attempts)
        if arguments.sheet:
            strips.append(strip(picture, splats, stages.renderer))
        print(json.dumps([asdict(row) for row in attempts]), flush=True)
        if time.perf_counter() - started > arguments.seconds:
            break
    report |= {"pictures": len(pictures), "objects": sum(some[0].color is not None for some in pictures)}
    report |= summary(pictures, stages.options)
    report["seconds_each"] = round((time.perf_counter() - started) / len(pictures), 2)
    if arguments.out:
        for name in ("picture_tasks.json", "picture_tasks.jpg"):
            set_aside(arguments.out / name)
        whole = report | {"attempts": [[asdict(row) for row in some] for some in pictures]}
        (arguments.out / "picture_tasks.json").write_text(json.dumps(whole, indent=1))
        if strips:
            save_sheet(strips, arguments.out / "picture_tasks.jpg")
    print(json.dumps(report))


def strip(picture: Pixels, splats: Gaussians | None, renderer: SplatRenderer) -> Pixels:
    """A picture and two views of what was made of it."""
    small = np.asarray(Image.fromarray(picture).resize((96, 96)))
    if splats is None:
        return np.concatenate([small, np.full((96, 192, 3), 128, np.uint8)], axis=1)
    views = renderer.render(splats, orbit(azimuths_degrees=[20, 200], elevation_degrees=15, size=96))
    return np.concatenate([small, *views.cpu().numpy()], axis=1)


def save_sheet(strips: Sequence[Pixels], file: Path, columns: int = 5) -> None:
    """All strips, row by row."""
    padded = [*strips, *[np.full_like(strips[0], 255)] * (-len(strips) % columns)]
    lines = [np.concatenate(padded[i : i + columns], axis=1) for i in range(0, len(padded), columns)]
    Image.fromarray(np.concatenate(lines)).save(file, quality=70)


if __name__ == "__main__":
    run_program(main)
