"""Evaluates the embedded family as the service runs it: python -m training.evaluate [--prompts FILE] --out
DIR.

Prompts go through all stages with the configuration's settings, one retry included. The judge, a
classifier that saw ground-truth renders only, says whether the result is the kind and colour asked for.
Writes contact sheets, and `evaluation.json`; the last lines are a table.
"""

import argparse
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from command_line.arguments import at_least_one, device_name, out_folder, user_path
from command_line.names import set_aside
from command_line.running import run_program
from configuration import Configuration, SamplerOptions, read_configuration
from models.errors import GenerationError
from models.gaussians.cleanup import clean_up
from models.gaussians.gaussians import Gaussians
from models.image.text_to_image import TextToImage
from models.matte import MatteCutter
from models.trellis.image_to_3d import ImageTo3D, SamplerSettings
from rendering.cameras import orbit
from rendering.renderer import create_renderer
from training.judge import load_judge, named
from training.objects.catalog import KINDS
from training.prompt_sets import TestPrompt, every_kind, sample, split_by_knowledge, unseen_pairs
from validation.geometry import measure
from validation.ranking import rank
from validation.scorer import Scorer
from validation.verdict import Thresholds, judge

logger = logging.getLogger(__name__)
BATCH = 8
SLICE = 48
RETRY_STEP = 7919
SHEET_AZIMUTHS = (0.0, 35.0, 215.0)
SHEET_SIZE = 160
SETS = ("every_kind", "unseen_pairs", "known_prompts", "unknown_prompts")
JUDGE_FILE = Path("build/training/trained/judge.safetensors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a prompt.

    Attributes:
        kind: The judge's kind; None where nothing was made.
        color: The judge's main colour.
        convincing: Whether the service makes no second attempt at it.
        rejection: Why the answer would be 204; None where it is 200.
        strip: Picture of the generated image and some views.
        similarity: With a picture; None, for there are prompts only.
        total: None, for its scorer has no such sum.
    """

    prompt: TestPrompt
    kind: str | None
    color: str | None
    num_splats: int
    alignment: float
    aesthetics: float
    convincing: bool
    rejection: str | None
    attempts: int
    strip: np.ndarray
    similarity: float | None = None
    total: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the answer is 200."""
        return self.rejection is None


class Evaluator:
    """All stages in one process, on one device."""

    def __init__(self, configuration: Configuration, weights: Path, judge_file: Path, device: str) -> None:
        self.configuration = configuration
        self.text_to_image = TextToImage.load(weights / "text_to_image", device=device)
        self.matting = MatteCutter.load(weights / "matte", device=device)
        self.image_to_3d = ImageTo3D.load(weights / "image_to_3d", device=device)
        self.renderer = create_renderer(device)
        self.scorer = Scorer.load(weights / "validation", device=torch.device(device))
        self.judge = load_judge(judge_file, device)
        self.device = device

    def run(self, prompts: Sequence[TestPrompt], seed: int, size: int = BATCH) -> list[Result]:
        """Every prompt, with second attempts as the service makes them for requests without a seed."""
        results: dict[int, Result] = {}
        settings, improved = self.configuration.validation, set[int]()
        open_items = list(range(len(prompts)))
        for attempt in range(1 + settings.max_retries):
            for start in range(0, len(open_items), size):
                batch = open_items[start : start + size]
                seeds = [seed + i + attempt * RETRY_STEP for i in batch]
                attempted = self._attempt([prompts[i] for i in batch], seeds, attempt)
                for i, result in zip(batch, attempted, strict=True):
                    results[i] = better(results.get(i), result)
            failed = {i for i in open_items if not results[i].passed}
            doubtful = {i for i in open_items if not results[i].convincing} - failed - improved
            improved |= doubtful  # once is enough
            open_items = sorted(failed | doubtful)
        return [results[i] for i in range(len(prompts))]

    @torch.inference_mode()
    def _attempt(self, prompts: Sequence[TestPrompt], seeds: Sequence[int], attempt: int) -> list[Result]:
        options = self.configuration.text_to_image
        images = self.text_to_image.generate(
            [prompt.text for prompt in prompts],
            seeds,
            steps=options.steps,
            resolution=options.resolution,
            guidance=options.guidance,
            max_sequence_length=options.max_sequence_length,
        )
        mattes = self.matting.cut_out(images)
        stages = self.configuration.image_to_3d.stages
        cut = {i: matte for i, matte in enumerate(mattes) if isinstance(matte, np.ndarray)}
        made = self.image_to_3d.generate(
            list(cut.values()),
            [seeds[i] for i in cut],
            structure=_settings(stages.structure),
            latents=_settings(stages.latents),
        )
        objects = dict(zip(cut, made, strict=True))
        results = []
        for i, (prompt, image) in enumerate(zip(prompts, images, strict=True)):
            result = objects.get(i)
            if result is None or isinstance(result, Exception):
                results.append(_failed(prompt, image, result or mattes[i], attempt))
                continue
            try:
                splats = clean_up(result.gaussians, frame="validator")
                results.append(self._judged(prompt, image, splats, attempt))
            except (GenerationError, ValueError) as error:
                results.append(_failed(prompt, image, error, attempt))
        return results

    def _judged(self, prompt: TestPrompt, image: np.ndarray, splats: Gaussians, attempt: int) -> Result:
        settings = self.configuration.validation
        views = self.renderer.render(splats, orbit(settings.views, size=settings.view_size))
        scores = self.scorer.score([prompt.text], [views])[0]
        verdict = judge(scores, Thresholds.of(settings), measure(splats, count_pieces=True))
        kind, color = named(self.judge, splats, self.renderer, self.device)
        shown = self.renderer.render(
            splats, orbit(azimuths_degrees=SHEET_AZIMUTHS, size=SHEET_SIZE, radius=2.2)
        )
        return Result(
            prompt=prompt,
            kind=kind,
            color=color,
            num_splats=splats.num_splats,
            alignment=verdict.alignment if verdict.alignment is not None else -1.0,
            aesthetics=float(scores.aesthetics),
            convincing=verdict.convincing,
            rejection=None if verdict.passed else verdict.reason or "not passed",
            attempts=attempt + 1,
            strip=np.concatenate([_resized(image), *shown.cpu().numpy()], axis=1),
        )


def better(first: Result | None, second: Result) -> Result:
    """What is served of two attempts; after one that failed always the second."""
    if first is None or not first.passed or rank(second) > rank(first):
        return second
    return replace(first, attempts=second.attempts)


def _settings(options: SamplerOptions) -> SamplerSettings:
    return SamplerSettings(**asdict(options))


def _failed(prompt: TestPrompt, image: np.ndarray, error: object, attempt: int) -> Result:
    blank = np.full((SHEET_SIZE, SHEET_SIZE * len(SHEET_AZIMUTHS), 3), 255, dtype=np.uint8)
    return Result(
        prompt=prompt,
        kind=None,
        color=None,
        num_splats=0,
        alignment=0.0,
        aesthetics=0.0,
        convincing=False,
        rejection=str(error),
        attempts=attempt + 1,
        strip=np.concatenate([_resized(image), blank], axis=1),
    )


def _resized(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((SHEET_SIZE, SHEET_SIZE)))


def summary(results: Sequence[Result]) -> dict[str, float]:
    """Shares over a set of prompts; kind and colour only where the set says what is right."""
    with_kind = [r for r in results if r.prompt.kind is not None]
    with_color = [r for r in results if r.prompt.color is not None]
    made = [r for r in results if r.num_splats]
    return {
        "prompts": len(results),
        "kind_top1": _share([r.kind == r.prompt.kind for r in with_kind]),
        "color_right": _share([r.color == r.prompt.color for r in with_color]),
        "passed": _share([r.passed for r in results]),
        "first_attempt": _share([r.passed and r.attempts == 1 for r in results]),
        "min_splats": min((r.num_splats for r in made), default=0),
        "median_splats": float(np.median([r.num_splats for r in made])) if made else 0.0,
        "median_alignment": float(np.median([r.alignment for r in results])),
        "median_aesthetics": float(np.median([r.aesthetics for r in results])),
    }


def _share(values: Sequence[bool]) -> float:
    return float(np.mean(values)) if values else float("nan")


def save_results(results: Sequence[Result], out: Path, name: str) -> None:
    """A contact sheet, and one JSON line a prompt."""
    save_sheet(results, out / f"{name}.jpg")
    rows = [
        {
            "prompt": r.prompt.text,
            "wanted": r.prompt.kind,
            "color": r.prompt.color,
            "judge": [r.kind, r.color],
            "splats": r.num_splats,
            "alignment": round(r.alignment, 4),
            "aesthetics": round(r.aesthetics, 3),
            "convincing": r.convincing,
            "rejection": r.rejection,
            "attempts": r.attempts,
        }
        for r in results
    ]
    (out / f"{name}.json").write_text("\n".join(json.dumps(row) for row in rows) + "\n")


def save_sheet(results: Sequence[Result], path: Path, columns: int = 3) -> None:
    """Strips of all results, row by row."""
    strips = [r.strip for r in results]
    strips += [np.full_like(strips[0], 255)] * (-len(strips) % columns)
    rows = [np.concatenate(strips[i : i + columns], axis=1) for i in range(0, len(strips), columns)]
    Image.fromarray(np.concatenate(rows)).save(path, quality=80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=user_path, default=Path("models/embedded"))
    parser.add_argument("--configuration", type=user_path, default=Path("configuration.yaml"))
    parser.add_argument("--judge", type=user_path, default=JUDGE_FILE)
    parser.add_argument("--prompts", type=user_path, help="other people's prompts, one a line")
    parser.add_argument("--num-prompts", type=at_least_one, default=200)
    parser.add_argument("--num-pairs", type=at_least_one, default=1000)
    parser.add_argument("--wordings", type=at_least_one, default=1, help="prompts of each unseen pair")
    parser.add_argument("--batch", type=at_least_one, default=BATCH, help="prompts in work together")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS, help="some of the sets only")
    parser.add_argument("--out", type=out_folder, required=True)
    parser.add_argument("--device", type=device_name, default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    configuration = read_configuration(arguments.configuration, {"MINER__PROFILE": "embedded"})
    evaluator = Evaluator(configuration, arguments.weights, arguments.judge, arguments.device)
    sets = {
        "every_kind": every_kind(KINDS),
        "unseen_pairs": unseen_pairs(KINDS, arguments.num_pairs, arguments.seed, arguments.wordings),
    }
    if arguments.prompts is not None:
        lines = [
            line.strip()
            for line in arguments.prompts.read_text(encoding="utf-8").splitlines()
            if line.strip()
        ]
        known, unknown = split_by_knowledge(lines, KINDS)
        sets["known_prompts"] = sample(known, arguments.num_prompts, arguments.seed)
        sets["unknown_prompts"] = sample(unknown, arguments.num_prompts, arguments.seed)
    for name in ("evaluation", *sets):
        set_aside(arguments.out / f"{name}.json")
        set_aside(arguments.out / f"{name}.jpg")
    table: dict[str, dict[str, float]] = {}
    for name in [name for name in sets if name in arguments.sets]:
        prompts, results = sets[name], list[Result]()
        started = time.perf_counter()
        for start in range(0, len(prompts), SLICE):
            some = prompts[start : start + SLICE]
            results += evaluator.run(some, arguments.seed + start, arguments.batch)
            table[name] = summary(results)
            save_results(results, arguments.out, name)
            (arguments.out / "evaluation.json").write_text(json.dumps(table, indent=1))
            logger.info("%s: %.0f s %s", name, time.perf_counter() - started, table[name])
    for name, row in table.items():
        logger.info("%-16s %s", name, "  ".join(f"{key} {value:.3g}" for key, value in row.items()))


if __name__ == "__main__":
    run_program(main)
