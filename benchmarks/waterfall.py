"""Each switch off and on, one after the other, with its exactness: prompt to image, image to PLY bytes.

    python -m benchmarks.waterfall [--only image,splats] [--out DIR]

Rows are cumulative and have the same noise. The error is that of the image's pixels, or of the splats
centres and colours, against the row with everything off; that of splats also against fp32 weights
and arithmetic.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import torch

from benchmarks.bench import Lab, environment, relative_error
from benchmarks.measure import Call, measure
from benchmarks.results import Results, command_line, failure
from benchmarks.stages.image_encoder import cutout
from command_line.arguments import at_least_one, device_name, out_folder, words
from command_line.running import run_program
from export.ply import write_ply
from models.fast.flux.acceleration import KEPT_PROMPTS, ImageSwitches, accelerate
from models.fast.plan import Switches
from models.gaussians.cleanup import clean_up
from models.gaussians.gaussians import Gaussians
from models.trellis.networks import Networks

Changes = Mapping[str, dict[str, Any]]
Row = Callable[[], dict[str, Any]]
Rows = list[tuple[str, Row]]
IMAGE: Changes = {
    "plain": {},
    "+ fused blocks of FLUX.1": {"blocks": True},
    "+ fused autoencoder": {"autoencoder": True},
    "+ recorded kernels": {"graphs": True},
    "+ kept prompts, the same again": {"prompts": KEPT_PROMPTS},
}
SPLATS: Changes = {
    "plain": {},
    "+ fused flow blocks": {"blocks": True},
    "+ fused residual blocks": {"residuals": True},
    "+ decoder in window order": {"decoder": True},
    "+ recorded kernels": {"graphs": True},
}
STAGES = ("image", "splats")


def main() -> int:
    """Prints the tables; returns the number of rows that failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=words(STAGES), default=list(STAGES), help="of both")
    parser.add_argument("--out", type=out_folder)
    parser.add_argument("--device", type=device_name, default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--family", default="published", choices=("published", "embedded"))
    parser.add_argument("--runs", type=at_least_one, default=10, help="of each row")
    options = parser.parse_args()
    lab = Lab(options.device, family=options.family)
    results = Results(options.out, "waterfall")
    results.content |= {"environment": environment(lab), "command": command_line()}
    makers = {"image": _image_rows, "splats": _splat_rows}
    for stage in STAGES:
        if stage not in options.only:
            continue
        rows = results.content[stage] = {}
        for name, row in makers[stage](lab, options.runs):
            rows[name] = _tried(f"{stage}: {name}", row)
            results.write()
    print(json.dumps(results.content))
    return sum("failed" in row for stage in STAGES for row in results.content.get(stage, {}).values())


def _image_rows(lab: Lab, runs: int) -> Rows:
    plain = list[torch.Tensor]()

    model = lab.text_to_image

    def draw() -> torch.Tensor:
        return torch.from_numpy(lab.draw(["a pink bicycle"])[0])

    def row(switches: ImageSwitches) -> dict[str, Any]:
        lab.text_to_image = accelerate(model, switches)
        image = draw()
        plain.append(image)
        return {**_timed(draw, runs), "error": relative_error(image, plain[0])}

    rows, switches = Rows(), ImageSwitches()
    for name, change in IMAGE.items():
        switches = replace(switches, **change)
        rows.append((name, partial(row, switches)))
    return rows


def _splat_rows(lab: Lab, runs: int) -> Rows:
    plain = list[Gaussians]()
    exact = _in_fp32(lab)

    def row(switches: Switches) -> dict[str, Any]:
        networks = lab.planned(switches)
        splats = _splats(lab, networks)
        plain.append(splats)
        return {
            **_timed(lambda: write_ply(clean_up(_splats(lab, networks))), runs),
            "error": _error(splats, plain[0]),
            "error_to_fp32": _error(splats, exact),
        }

    rows, switches = Rows(), Switches()
    for name, change in SPLATS.items():
        switches = replace(switches, **change)
        rows.append((name, partial(row, switches)))
    return rows


def _in_fp32(lab: Lab) -> Gaussians:
    """The splats of the same weights before they were rounded."""
    exact = Lab(str(lab.device), lab.voxels, lab.family)
    exact.half = torch.float32
    return _splats(exact, exact.networks)


def _error(splats: Gaussians, expected: Gaussians) -> float:
    return max(relative_error(getattr(splats, part), getattr(expected, part)) for part in ("means", "colors"))


def _timed(call: Call, runs: int) -> dict[str, Any]:
    return asdict(measure(call, runs=runs))


def _tried(name: str, row: Row) -> dict[str, Any]:
    """The row's figures; a failure is one of them."""
    try:
        figures = row()
    except Exception as error:
        return failure(error)
    errors = "  ".join(f"{key} {value:.1e}" for key, value in figures.items() if key.startswith("error"))
    print(f"{name:44} {figures['median_ms']:9.1f} ms  {errors}", flush=True)
    return figures


def _splats(lab: Lab, networks: Networks) -> Gaussians:
    return lab.make([cutout()], networks)[0]


if __name__ == "__main__":
    run_program(main)
