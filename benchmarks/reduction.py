"""Objects with a fifth of their splats against the whole ones: PSNR over 12 unused views, and the time.

    python -m benchmarks.reduction [--device cpu] [--prompts "pink bicycle,horse"] [--ply FILE ...] [--runs 5]

Objects of the embedded family, seed 0 upwards, and PLYs beside them. Views: the project's renderer of that
device, 512 pixels, white background, elevations -15, 20 and 45 degrees. The last line is JSON.
"""

import argparse
import json
import math
import os
import statistics
import time
from typing import Any

import torch

from benchmarks.bake import PROMPTS, Family
from benchmarks.measure import synchronize
from command_line.arguments import at_least_one, device_name, user_path
from command_line.running import run_program
from export.ply import read_ply
from export.reduction.reduction import reduce_splats
from models.gaussians.gaussians import Gaussians
from rendering.cameras import orbit
from rendering.renderer import SplatRenderer, create_renderer

SHARE, LEAST = 5, 7000


def main() -> int:
    """Prints a row an object; returns how many are below 32 dB."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", type=device_name, default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--prompts", default=PROMPTS, help="separated by commas; empty for none")
    parser.add_argument("--ply", type=user_path, nargs="*", default=[])
    parser.add_argument("--runs", type=at_least_one, default=5)
    options = parser.parse_args()
    threads = min(os.cpu_count() or 1, 8)
    torch.set_num_threads(threads)
    renderer = create_renderer(options.device, num_threads=threads)
    rows: dict[str, dict[str, Any]] = {}
    with torch.inference_mode():
        for path in options.ply:
            rows[path.name] = row(read_ply(path.read_bytes(), device=options.device), renderer, options.runs)
            print(path.name, rows[path.name], flush=True)
        prompts = [prompt for prompt in options.prompts.split(",") if prompt]
        family = Family(options.device, threads) if prompts else None
        for seed, prompt in enumerate(prompts):
            assert family is not None
            rows[prompt] = row(family.make(prompt, seed, 384).pictures.splats, renderer, options.runs)
            print(prompt, rows[prompt], flush=True)
    print(json.dumps({"device": options.device, "threads": threads, "rows": rows}))
    return sum(found["psnr_db"] < 32 for found in rows.values())


def row(splats: Gaussians, renderer: SplatRenderer, runs: int) -> dict[str, Any]:
    """What one object loses, and the median milliseconds."""
    count = max(splats.num_splats // SHARE, LEAST)
    reduced, seconds = reduce_splats(splats, count, renderer), list[float]()
    for _ in range(runs):
        synchronize()
        started = time.perf_counter()
        reduced = reduce_splats(splats, count, renderer)
        synchronize()
        seconds.append(time.perf_counter() - started)
    return {
        "splats": splats.num_splats,
        "kept": reduced.num_splats,
        "psnr_db": round(decibels(splats, reduced, renderer), 2),
        "median_ms": round(1e3 * statistics.median(seconds), 1),
    }


def decibels(splats: Gaussians, reduced: Gaussians, renderer: SplatRenderer) -> float:
    """Between 8-bit views."""
    cameras = orbit(
        azimuths_degrees=[15.0 + 30 * view for view in range(12)],
        elevation_degrees=[-15.0, 20.0, 45.0] * 4,
        radius=2.8 * float(splats.means.norm(dim=1).max()),
    )
    whole, less = (renderer.render(some, cameras).double() for some in (splats, reduced))
    return -10 * math.log10(float(((whole - less) / 255).square().mean()))


if __name__ == "__main__":
    run_program(main)
