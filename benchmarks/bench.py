"""What every stage's script shares: cases, models of the published shapes, the table and the files.

    python -m benchmarks.stages.flux [--out DIR] [--compare OLD.json] [--no-profile] [--only WORD]

A case that fails is printed and the next one runs. Results are written after every case; the last line is
JSON.
"""

import argparse
import importlib
import json
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import torch

from benchmarks.floors import Ceilings, measure_ceilings
from benchmarks.measure import Call, measure, profile
from models.sampling import SamplerSettings
from models.sparse import VoxelGrid
from models.weights.random_layout import SHELL_VOXELS, shell, write_random_layout
from models.weights.random_tensors import RandomWeights

if TYPE_CHECKING:
    from models.image.text_to_image import TextToImage
    from models.image_to_3d import ImageTo3D

STRUCTURE = SamplerSettings(steps=12, cfg_strength=7.5, cfg_interval=(0.5, 1.0), rescale_t=3.0)
LATENTS = SamplerSettings(steps=12, cfg_strength=3.0, cfg_interval=(0.5, 1.0), rescale_t=3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing to time.

    Attributes:
        name: What it is.
        build: Prepares it; the result is timed.
        flops: Operations that no implementation avoids.
        moved_bytes: Bytes that no implementation avoids moving through the card's memory.
        error: Relative error against the plain path, computed once, where there is something to compare.
        profiled: Whether one run goes through the profiler.
    """

    name: str
    build: Callable[[], Call]
    flops: float = 0.0
    moved_bytes: float = 0.0
    error: Callable[[], float] | None = None
    profiled: bool = True
    runs: int = 20


class Lab:
    """Models of the published shapes with random weights, each built at first use."""

    def __init__(self, device: str, voxels: int = SHELL_VOXELS) -> None:
        self.device = torch.device(device)
        self.voxels = voxels
        self.half = torch.float16 if self.device.type == "cuda" else torch.float32
        self._folder = tempfile.TemporaryDirectory(prefix="random-weights-")
        self.weights = Path(self._folder.name)
        write_random_layout(self.weights, RandomWeights(seed=0, shell_voxels=voxels))

    @cached_property
    def ceilings(self) -> Ceilings | None:
        return measure_ceilings() if self.device.type == "cuda" else None

    @cached_property
    def image_to_3d(self) -> "ImageTo3D":
        from models.image_to_3d import ImageTo3D

        return ImageTo3D.load(
            self.weights / "image_to_3d", device=self.device, dtype=self.half, encoder_dtype=self.half
        )

    @cached_property
    def text_to_image(self) -> "TextToImage":
        from models.image.text_to_image import TextToImage

        return TextToImage.load(self.weights / "text_to_image", device=self.device, dtype=torch.bfloat16)

    def condition(self, objects: int = 1) -> torch.Tensor:
        """Random tokens, normalised as the image encoder's are."""
        generator = torch.Generator(self.device).manual_seed(1)
        return torch.randn(objects, 1374, 1024, device=self.device, generator=generator)

    def grid(self, objects: int = 1, voxels: int | None = None) -> VoxelGrid:
        """A new grid of shells, so that its tables are built anew."""
        points = shell(voxels or self.voxels).to(self.device).int()
        batch = torch.arange(objects, device=self.device, dtype=torch.int32).repeat_interleave(len(points))
        return VoxelGrid(torch.cat([batch[:, None], points.repeat(objects, 1)], dim=1))

    def noise(self, *shape: int) -> torch.Tensor:
        """Normal noise."""
        return torch.randn(*shape, device=self.device, generator=torch.Generator(self.device).manual_seed(2))


Cases = Callable[[Lab], Iterator[Case]]


def relative_error(actual: torch.Tensor, expected: torch.Tensor) -> float:
    """Relative root mean square of the difference; NaN stays NaN."""
    actual, expected = actual.double().flatten(), expected.double().flatten()
    return float((actual - expected).norm() / expected.norm())


def error_of_first(actual: Sequence[torch.Tensor], plain: Sequence[torch.Tensor]) -> float:
    """Relative error of results that the cases' builds fill in, against the plain way's."""
    return relative_error(actual[0], plain[0])


def run_stages(stages: Sequence[str], arguments: Sequence[str] | None = None) -> int:
    """Runs the named stages' cases; returns the number of failures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="folder for <stage>.json")
    parser.add_argument("--compare", type=Path, help="JSON of an earlier run")
    parser.add_argument("--no-profile", action="store_true")
    parser.add_argument("--only", default="", help="cases whose names contain this")
    parser.add_argument("--voxels", type=int, default=SHELL_VOXELS)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=1e9, help="start no case after so many seconds")
    parser.add_argument("--skip", default="", help="comma-separated stages to leave out")
    options = parser.parse_args(arguments)
    lab = Lab(options.device, options.voxels)
    old = json.loads(options.compare.read_text())["cases"] if options.compare else {}
    report: dict[str, Any] = {"environment": environment(lab), "command": " ".join(sys.argv), "cases": {}}
    failures, begun = 0, time.perf_counter()
    print(json.dumps(report["environment"]), flush=True)
    with torch.inference_mode():
        for stage in stages:
            if stage in options.skip.split(","):
                continue
            for case in _cases_of(stage, lab):
                name = f"{stage}: {case.name}"
                if options.only not in name or time.perf_counter() - begun > options.seconds:
                    continue
                result = _run(case, lab, profiled=not options.no_profile)
                failures += "failed" in result
                report["cases"][name] = result
                print(_line(name, result, old.get(name)), flush=True)
                if options.out:
                    options.out.mkdir(parents=True, exist_ok=True)
                    (options.out / "stages.json").write_text(json.dumps(report, indent=1))
    print(json.dumps({name: _short(result) for name, result in report["cases"].items()}))
    return failures


def environment(lab: Lab) -> dict[str, Any]:
    """What the numbers hold for."""
    cuda = torch.cuda.is_available()
    return {
        "device": torch.cuda.get_device_name() if cuda else platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "voxels": lab.voxels,
        "ceilings": asdict(lab.ceilings) if lab.ceilings else None,
    }


def _cases_of(stage: str, lab: Lab) -> Iterator[Case]:
    try:
        cases: Cases = importlib.import_module(f"benchmarks.stages.{stage}").cases
        yield from cases(lab)
    except Exception as error:  # the other stages go on, this one counts as failed
        traceback.print_exc(file=sys.stdout)
        yield Case(name="its cases", build=partial(_raise, error), profiled=False)


def _raise(error: Exception) -> NoReturn:
    raise error


def _run(case: Case, lab: Lab, *, profiled: bool) -> dict[str, Any]:
    result: dict[str, Any] = {}
    try:
        started = time.perf_counter()
        call = case.build()
        result["build_s"] = round(time.perf_counter() - started, 2)
        result |= {key: round(value, 4) for key, value in asdict(measure(call, runs=case.runs)).items()}
        if lab.ceilings and (case.flops or case.moved_bytes):
            result["floor_ms"] = round(
                lab.ceilings.floor_ms(flops=case.flops, moved_bytes=case.moved_bytes), 3
            )
            result["percent_of_floor"] = round(100 * result["floor_ms"] / result["median_ms"], 1)
        if case.error:
            result["error"] = case.error()
        if profiled and case.profiled:
            result["profile"] = profile(call)
    except Exception as error:
        traceback.print_exc(file=sys.stdout)
        result["failed"] = f"{type(error).__name__}: {error}"[:500]
    return result


def _short(result: dict[str, Any]) -> dict[str, Any]:
    kept = ("median_ms", "p95_ms", "peak_gib", "floor_ms", "percent_of_floor", "error", "failed")
    return {key: result[key] for key in kept if key in result}


def _line(name: str, result: dict[str, Any], old: dict[str, Any] | None) -> str:
    if "failed" in result:
        return f"{name:58} FAILED {result['failed'][:150]}"
    line = (
        f"{name:58} {result['median_ms']:9.2f} ms  p95 {result['p95_ms']:8.2f}  {result['peak_gib']:6.2f} GiB"
    )
    line += f"  first {result['first_s']:5.1f} s"
    if "floor_ms" in result:
        line += f"  floor {result['floor_ms']:6.2f} ({result['percent_of_floor']:.0f} %)"
    if "error" in result:
        line += f"  error {result['error']:.1e}"
    if result.get("profile"):
        shown = result["profile"]
        line += f"  kernels {shown['kernel_ms']:.2f} ms in {shown['num_kernels']}"
        line += f", to host {shown['device_to_host_copies']}"
    if old and "median_ms" in old:
        line += f"  was {old['median_ms']:.2f} ({100 * result['median_ms'] / old['median_ms'] - 100:+.0f} %)"
    return line
