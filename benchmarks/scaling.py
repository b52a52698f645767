"""How time grows with voxels, steps and batch, with the fast paths on; the figures choose max_batch_size.

    python -m benchmarks.scaling [--seconds 500] [--only voxels,steps,batch] [--out DIR] [--compare OLD.json]
    python -m benchmarks.scaling --family embedded --shell 500 --voxels 1000,2000 --steps 2,4 --batches 1,2

The 3D stages run from tokens to splats with random weights of the published shapes. Batches go through each
runner's own model: `text_to_image`, `matting`, `image_to_3d` (cut-out image to PLY bytes) and `validation`
(PLY's splats to scores). The video's runner films one object after the other, so a batch gains nothing there.
Rows are written as they come, the cheap ones first; no row starts after --seconds. The last line is JSON.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.bench import environment
from benchmarks.lab import FAMILIES, LATENTS, STRUCTURE, Lab
from benchmarks.measure import Call, measure
from benchmarks.results import Results, command_line, comparison, failure, read_report
from benchmarks.stages.image_encoder import cutout
from command_line.arguments import at_least_one, device_name, out_folder, positive, user_path, words
from command_line.running import run_program
from export.ply import write_ply
from models.fast.flux.acceleration import ImageSwitches, accelerate
from models.fast.plan import Switches
from models.gaussians.cleanup import clean_up
from models.sampling import SamplerSettings
from models.weights.random_layout import SHELL_VOXELS
from rendering.cameras import orbit
from rendering.renderer import create_renderer

VOXELS, STEPS, BATCHES = (8_000, 16_000, 32_000, 64_000), (2, 4, 8, 12, 25), (1, 2, 4, 8)
KINDS = ("voxels", "steps", "batch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One point of a curve.

    Attributes:
        curve: What is measured.
        x: Voxels, steps or items of a batch.
        build: Prepares it; the result is timed.
    """

    curve: str
    x: int
    build: Callable[[], Call]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the number of failed rows."""
    options = parse_arguments(argv)
    lab, begun = Lab(options.device, options.shell, options.family), time.perf_counter()
    results, curves = Results(options.out, "scaling"), dict[str, dict[str, Any]]()
    results.put("environment", environment(lab) | {"fast_paths": Switches.for_device(lab.device).names()})
    results.content |= {"command": command_line(argv), "curves": curves}
    with torch.no_grad():
        for row in rows(lab, options):
            if time.perf_counter() - begun > options.seconds:
                print(f"{row.curve:44} {row.x:>6}  left out: the time is over", flush=True)
                continue
            point = timed(row, options.runs)
            curves.setdefault(row.curve, {})[str(row.x)] = point
            print(f"{row.curve:44} {row.x:>6}  {line(row, point)}", flush=True)
            results.write()
    if options.compare:
        print("\n".join(comparison(read_report(options.compare)["curves"], curves)))
    print(json.dumps(curves))
    return sum("failed" in point for curve in curves.values() for point in curve.values())


def rows(lab: Lab, options: argparse.Namespace) -> Iterator[Row]:
    """The chosen curves; those that compile most come last."""
    if "batch" in options.only:
        yield from _light_batches(lab, options.batches)
    if "voxels" in options.only:
        yield from _by_voxels(lab, options.voxels)
    if "steps" in options.only:
        yield from _by_steps(lab, options.steps)
    if "batch" in options.only:
        yield from _heavy_batches(lab, options.batches)


def timed(row: Row, runs: int) -> dict[str, Any]:
    """A row's figures; a failure, such as too little memory, is one of them."""
    try:
        timing = measure(row.build(), runs=runs, warm_ups=2, budget_seconds=3.0)
    except Exception as error:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return failure(error)
    return {name: round(value, 3) for name, value in asdict(timing).items()}


def line(row: Row, point: dict[str, Any]) -> str:
    """For the eye."""
    if "failed" in point:
        return f"FAILED {point['failed'][:100]}"
    text = f"{point['median_ms']:9.1f} ms  p95 {point['p95_ms']:9.1f}  {point['peak_gib']:6.2f} GiB"
    if row.curve.startswith("batch"):
        text += f"  {point['median_ms'] / row.x:8.1f} ms each"
    return text


def _by_voxels(lab: Lab, counts: Sequence[int]) -> Iterator[Row]:
    for voxels in counts:
        yield Row(curve="voxels: latent flow, 12 steps", x=voxels, build=partial(_latents, lab, voxels))
        yield Row(curve="voxels: Gaussian decoder", x=voxels, build=partial(_decoder, lab, voxels))
        yield Row(curve="voxels: clean-up and PLY", x=voxels, build=partial(_ply, lab, voxels))


def _by_steps(lab: Lab, counts: Sequence[int]) -> Iterator[Row]:
    for steps in counts:
        structure, latents = replace(STRUCTURE, steps=steps), replace(LATENTS, steps=steps)
        yield Row(curve="steps: structure flow", x=steps, build=partial(_structure, lab, structure))
        yield Row(curve="steps: latent flow", x=steps, build=partial(_latents, lab, lab.voxels, latents))


def _light_batches(lab: Lab, batches: Sequence[int]) -> Iterator[Row]:
    for items in batches:
        yield Row(curve="batch: matting", x=items, build=partial(_matting, lab, items))
        yield Row(curve="batch: validation", x=items, build=partial(_validation, lab, items))


def _heavy_batches(lab: Lab, batches: Sequence[int]) -> Iterator[Row]:
    for items in batches:
        yield Row(curve="batch: image_to_3d", x=items, build=partial(_image_to_ply, lab, items))
    # the text's states are not kept: in the service prompts differ
    lab.text_to_image = accelerate(
        lab.text_to_image, replace(ImageSwitches.for_device(lab.device), prompts=0)
    )
    for items in batches:
        yield Row(curve="batch: text_to_image", x=items, build=partial(_images, lab, items))


def _structure(lab: Lab, settings: SamplerSettings) -> Call:
    cond, noise, networks = lab.condition(), lab.structure_noise(), lab.fast_networks
    return lambda: lab.sample_structure(cond, noise, settings, networks)


def _latents(lab: Lab, voxels: int, settings: SamplerSettings = LATENTS) -> Call:
    cond, noise, networks = lab.condition(), lab.latent_noise(voxels=voxels), lab.fast_networks
    return lambda: lab.sample_latents(cond, lab.grid(voxels=voxels), noise, settings, networks)


def _decoder(lab: Lab, voxels: int) -> Call:
    feats, networks = lab.latent_noise(voxels=voxels), lab.fast_networks
    return lambda: lab.decode(voxels, feats, networks)


def _ply(lab: Lab, voxels: int) -> Call:
    splats = lab.decode(voxels)
    return lambda: write_ply(clean_up(splats))


def _matting(lab: Lab, items: int) -> Call:
    side = lab.sizes.image
    pixels = [np.random.default_rng(i).integers(0, 256, (side, side, 3), np.uint8) for i in range(items)]
    return lambda: lab.matting.cut_out(pixels)


def _validation(lab: Lab, items: int) -> Call:
    splats = clean_up(lab.decode())
    renderer, cameras = create_renderer(lab.device), orbit(lab.sizes.views, size=lab.sizes.view_size)
    prompts = ["a pink bicycle"] * items
    return lambda: lab.scorer.score(prompts, [renderer.render(splats, cameras) for _ in prompts])


def _image_to_ply(lab: Lab, items: int) -> Call:
    pixels = [cutout(lab.sizes.image)] * items
    return lambda: [write_ply(clean_up(splats)) for splats in lab.make(pixels, lab.fast_networks)]


def _images(lab: Lab, items: int) -> Call:
    prompts = [f"a bicycle with {i} wheels" for i in range(items)]
    return lambda: lab.draw(prompts)


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scaling",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--only", type=words(KINDS), default=list(KINDS), help="of voxels, steps, batch")
    add("--voxels", type=_integers, default=VOXELS)
    add("--shell", type=at_least_one, default=SHELL_VOXELS, help="voxels of the object in the other curves")
    add("--steps", type=_integers, default=STEPS)
    add("--batches", type=_integers, default=BATCHES)
    add("--runs", type=at_least_one, default=10)
    add("--seconds", type=positive, default=1e9, help="start no row after so many seconds")
    add("--family", choices=sorted(FAMILIES), default="published")
    add("--device", type=device_name, default="cuda" if torch.cuda.is_available() else "cpu")
    add("--out", type=out_folder, help="folder for scaling.json")
    add("--compare", type=user_path, help="an earlier run's JSON")
    return parser.parse_args(argv)


def _integers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    run_program(main)
