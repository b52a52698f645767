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
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from benchmarks.pictures.gallery import Gallery
from benchmarks.pictures.objects import Pixels, objects
from benchmarks.pictures.rejects import REJECTS
from benchmarks.pictures.sheet import save_sheet, strip
from command_line.arguments import at_least_one, device_name, out_folder, positive, user_path
from command_line.names import set_aside
from command_line.running import run_program
from configuration import read_configuration
from models.errors import MinerError
from models.gaussians.cleanup import clean_up
from models.gaussians.gaussians import Gaussians
from models.matte import MatteCutter
from models.trellis.image_to_3d import ImageTo3D, SamplerSettings
from rendering.cameras import orbit
from rendering.renderer import create_renderer
from training.judge import load_judge, named
from training.objects.catalog import KINDS
from validation.geometry import measure
from validation.reference import reference_view
from validation.scorer import Scorer
from validation.verdict import Thresholds, judge

RETRY_STEP = 7919  # between the seeds of two attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What became of one attempt.

    Attributes:
        name: The kind, or what the picture shows instead.
        color: Of the object; None where there is none.
        failure: Why it would not be served; None if it would.
        best, mean: Cosines of the picture and the views.
    """

    name: str
    color: str | None
    failure: str | None = None
    similarity: float | None = None
    best: float | None = None
    mean: float | None = None
    aesthetics: float | None = None
    judged_kind: str | None = None
    judged_color: str | None = None

    @property
    def passed(self) -> bool:
        """Whether the object would be served."""
        return self.failure is None


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

    def make(
        self, name: str, color: str | None, picture: Pixels, seed: int
    ) -> tuple[list[Row], Gaussians | None]:
        """Attempts until one passes or the service would give up, and the last one's object."""
        attempts: list[Row] = []
        splats = None
        for attempt in range(1 + self._settings.validation.max_retries):
            row, splats = self.run(name, color, picture, seed + attempt * RETRY_STEP)
            attempts.append(row)
            if row.passed:
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
            splats = clean_up(made.gaussians, frame="validator")
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
        verdict = judge(scores, Thresholds.of(options), measure(splats))
        kind, shown = (None, None) if color is None else self._named(splats, name)
        return Row(
            name=name,
            color=color,
            failure=verdict.reason,
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
        return named(self._judge, splats, self.renderer, self._device)


def summary(pictures: Sequence[Sequence[Row]]) -> dict[str, float]:
    """Shares of objects that are served and right, and of other pictures that end in 204.

    Args:
        pictures: The attempts at each, of which the last one counts.
    """
    last = [attempts[-1] for attempts in pictures]
    wanted = [row for row in last if row.color is not None]
    others = [row for row in last if row.color is None]
    served = [row for row in wanted if row.passed]
    firsts = [attempts[0] for attempts in pictures if attempts[0].color is not None]
    return {
        "served": share(row.passed for row in wanted),
        "served_at_once": share(row.passed for row in firsts),
        "kind_right": share(row in served and row.judged_kind == row.name for row in wanted),
        "color_right": share(row in served and row.judged_color == row.color for row in wanted),
        "both_right": share(
            row in served and (row.judged_kind, row.judged_color) == (row.name, row.color) for row in wanted
        ),
        **{f"204_{kind}": share(not row.passed for row in others if row.name == kind) for kind in REJECTS},
    }


def share(values: Iterable[bool]) -> float:
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
    report |= summary(pictures)
    report["seconds_each"] = round((time.perf_counter() - started) / len(pictures), 2)
    if arguments.out:
        for name in ("picture_tasks.json", "picture_tasks.jpg"):
            set_aside(arguments.out / name)
        whole = report | {"attempts": [[asdict(row) for row in some] for some in pictures]}
        (arguments.out / "picture_tasks.json").write_text(json.dumps(whole, indent=1))
        if strips:
            save_sheet(strips, arguments.out / "picture_tasks.jpg")
    print(json.dumps(report))


if __name__ == "__main__":
    run_program(main)
