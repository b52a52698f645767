"""Each switch of the 3D stages off and on, one after the other: an image to PLY bytes, with its exactness.

    python -m benchmarks.waterfall [--out DIR]

Rows are cumulative. The error is that of the decoded splats' centres and colours against the row with
everything off; both runs have the same noise.
"""

import argparse
import json
import sys
import traceback
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.bench import Lab, environment, relative_error
from benchmarks.lab import LATENTS, STRUCTURE
from benchmarks.measure import measure
from benchmarks.stages.image_encoder import cutout
from export.ply import write_ply
from models.acceleration import Switches, accelerate
from models.gaussians.cleanup import clean_up
from models.gaussians.gaussians import Gaussians

ROWS: dict[str, dict[str, Any]] = {
    "plain": {},
    "+ fused flow blocks": {"blocks": True},
    "+ fused residual blocks": {"residuals": True},
    "+ decoder in window order": {"decoder": True},
    "+ recorded kernels": {"graphs": True},
}


def main() -> int:
    """Prints the table; returns 1 if a row failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    lab, switches, rows = Lab(options.device), Switches(), dict[str, dict[str, Any]]()
    expected: Gaussians | None = None
    for name, change in ROWS.items():
        switches = replace(switches, **change)
        try:
            accelerate(lab.image_to_3d.stages, switches, lab.image_to_3d.image_encoder)
            splats = _splats(lab)
            expected = expected or splats
            timing = measure(lambda: write_ply(clean_up(_splats(lab))), runs=10)
            error = max(
                relative_error(splats.means, expected.means), relative_error(splats.colors, expected.colors)
            )
            rows[name] = {**asdict(timing), "error": error}
            print(f"{name:32} {timing.median_ms:9.1f} ms  error {error:.1e}", flush=True)
        except Exception as failure:
            traceback.print_exc(file=sys.stdout)
            rows[name] = {"failed": str(failure)[:300]}
        report = {"environment": environment(lab), "rows": rows}
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            (options.out / "waterfall.json").write_text(json.dumps(report, indent=1))
    print(json.dumps(rows))
    return int(any("failed" in row for row in rows.values()))


def _splats(lab: Lab) -> Gaussians:
    made = lab.image_to_3d.generate([cutout()], [0], structure=STRUCTURE, latents=LATENTS)[0]
    if isinstance(made, Exception):
        raise made
    return made


if __name__ == "__main__":
    sys.exit(main())
