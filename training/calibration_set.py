"""Objects of the embedded family, right and wrong, for `benchmarks.calibrate`.

python -m training.calibration_set FOLDER [--num-pairs 1000] [--wordings 3]

One object of every kind x colour pair that no training saw (first attempts, whatever validation thinks of
them), and six spoilt copies of each (`training.corruption`). labels.csv pairs the whole ones with wordings of
their own prompt (`match`), of another kind in their colour (`wrong_kind`) and of their kind in another colour
(`wrong_colour`), and each spoilt one with its own prompt. Objects that are there are not made again.
"""

import argparse
import csv
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

from command_line.arguments import at_least_one, out_folder, user_path
from command_line.running import run_program
from configuration import Configuration, SamplerOptions, read_configuration
from export.ply import read_ply, write_ply
from models.errors import GenerationError
from models.gaussians.cleanup import clean_up
from models.gaussians.gaussians import Gaussians
from models.image.text_to_image import TextToImage
from models.matte import MatteCutter
from models.trellis.image_to_3d import ImageTo3D, SamplerSettings
from training.corruption import CORRUPTIONS
from training.objects.catalog import KINDS
from training.objects.colors import COLOR_NAMES
from training.prompt_sets import TestPrompt, unseen_pairs

logger = logging.getLogger(__name__)
BATCH = 4


class Maker:
    """All stages up to splats, in one process on the CPU."""

    def __init__(self, configuration: Configuration, weights: Path) -> None:
        """Loads the family."""
        self._configuration = configuration
        self._text_to_image = TextToImage.load(weights / "text_to_image", device="cpu")
        self._matting = MatteCutter.load(weights / "matte", device="cpu")
        self._image_to_3d = ImageTo3D.load(weights / "image_to_3d", device="cpu")

    @torch.inference_mode()
    def make(self, prompts: Sequence[TestPrompt], seeds: Sequence[int]) -> Iterator[Gaussians | None]:
        """Each prompt's object as it would be sent; None where there is none."""
        options = self._configuration.text_to_image
        images = self._text_to_image.generate(
            [prompt.text for prompt in prompts],
            seeds,
            steps=options.steps,
            resolution=options.resolution,
            guidance=options.guidance,
            max_sequence_length=options.max_sequence_length,
        )
        stages = self._configuration.image_to_3d.stages
        for matte, seed in zip(self._matting.cut_out(images), seeds, strict=True):
            yield (
                None
                if isinstance(matte, Exception)
                else self._object(matte, seed, stages.structure, stages.latents)
            )

    def _object(
        self, matte: np.ndarray, seed: int, structure: SamplerOptions, latents: SamplerOptions
    ) -> Gaussians | None:
        (made,) = self._image_to_3d.generate(
            [matte],
            [seed],
            structure=SamplerSettings(**asdict(structure)),
            latents=SamplerSettings(**asdict(latents)),
        )
        if isinstance(made, Exception):
            return None
        try:
            return clean_up(made.gaussians, frame="validator")
        except GenerationError:
            return None


def main() -> None:
    """Runs the command line."""
    folder, weights, limit, wordings = parse_arguments()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    prompts = unseen_pairs(KINDS, limit, 0, wordings)
    pairs = prompts[: len(prompts) // wordings]
    make_missing(pairs, folder, weights)
    there = [prompt for prompt in pairs if (folder / name_of(prompt)).is_file()]
    rows = [*whole_rows(there, prompts, wordings), *spoilt_rows(there, folder)]
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("file", "prompt", "label"), *rows])
    logger.info(
        "%d objects of %d pairs, %d rows in %s", len(there), len(pairs), len(rows), folder / "labels.csv"
    )


def name_of(prompt: TestPrompt, label: str = "whole") -> str:
    """An object's file."""
    return f"{prompt.color}-{prompt.kind}-{label}.ply".replace(" ", "_")


def make_missing(pairs: Sequence[TestPrompt], folder: Path, weights: Path) -> None:
    """Makes the objects that are not there, a few at a time."""
    missing = [(i, one) for i, one in enumerate(pairs) if not (folder / name_of(one)).is_file()]
    if not missing:
        return
    maker = Maker(read_configuration(Path("configuration.yaml"), {"MINER__PROFILE": "embedded"}), weights)
    for start in track(range(0, len(missing), BATCH), description="making", transient=True):
        batch = missing[start : start + BATCH]
        made = maker.make([one for _, one in batch], [i for i, _ in batch])
        for (_, prompt), splats in zip(batch, made, strict=True):
            if splats is not None:
                (folder / name_of(prompt)).write_bytes(write_ply(splats))


def whole_rows(
    there: Sequence[TestPrompt], prompts: Sequence[TestPrompt], wordings: int
) -> Iterator[tuple[str, str, str]]:
    """Every whole object with prompts of its own, of another kind, and of another colour."""
    random = np.random.default_rng(1)
    for prompt in there:
        file = name_of(prompt)
        yield from (
            (file, one.text, "match")
            for one in prompts
            if (one.kind, one.color) == (prompt.kind, prompt.color)
        )
        kinds = random.choice(
            [kind.name for kind in KINDS if kind.name != prompt.kind], wordings, replace=False
        )
        colors = random.choice(
            [color for color in COLOR_NAMES if color != prompt.color], wordings, replace=False
        )
        yield from ((file, f"{prompt.color} {kind}", "wrong_kind") for kind in kinds)
        yield from ((file, f"{color} {prompt.kind}", "wrong_colour") for color in colors)


def spoilt_rows(there: Sequence[TestPrompt], folder: Path) -> Iterator[tuple[str, str, str]]:
    """Every object spoilt in every way, with its own prompt."""
    for number, prompt in enumerate(there):
        splats = read_ply((folder / name_of(prompt)).read_bytes())
        other = read_ply((folder / name_of(there[number - 1])).read_bytes())
        for label, spoil in CORRUPTIONS.items():
            file = folder / name_of(prompt, label)
            file.write_bytes(write_ply(spoil(splats, other, number)))
            yield file.name, f"{prompt.color} {prompt.kind}", label


def parse_arguments() -> tuple[Path, Path, int, int]:
    """Reads `sys.argv`: the folder, the weights, how many pairs, and wordings of each."""
    parser = argparse.ArgumentParser(
        prog="python -m training.calibration_set",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=out_folder, metavar="FOLDER")
    parser.add_argument("--weights", type=user_path, default=Path("models/embedded"))
    parser.add_argument("--num-pairs", type=at_least_one, default=1000)
    parser.add_argument(
        "--wordings", type=at_least_one, default=3, help="prompts of each label for an object"
    )
    parsed = parser.parse_args()
    return parsed.folder, parsed.weights, parsed.num_pairs, parsed.wordings


if __name__ == "__main__":
    run_program(main)
