"""What every stage's script shares: cases, the table and the files.

    python -m benchmarks.stages.flux [--out DIR] [--compare OLD.json] [--no-profile] [--only WORD]
    python -m benchmarks.stages --family embedded --voxels 2000 --without "cudnn,graph,recorded"

A case that fails is printed and the next one runs. Results are written after every case; the last line is
JSON.
"""

import argparse
import importlib
import json
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NoReturn

import torch

from benchmarks.floors import NO_WORK, Work
from benchmarks.lab import FAMILIES, Lab
from benchmarks.measure import Call, measure, profile
from benchmarks.results import Results, command_line, failure, read_report
from command_line.arguments import at_least_one, device_name, out_folder, positive, user_path
from models.weights.random_layout import SHELL_VOXELS

__all__ = [
    "Call",
    "Case",
    "Cases",
    "Lab",
    "Work",
    "environment",
    "error_of_first",
    "relative_error",
    "run_stages",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing to time.

    Attributes:
        name: What it is.
        build: Prepares it; the result is timed.
        work: What no implementation avoids.
        error: Relative error against the plain path, computed once; None where that did not run.
        profiled: Whether one run goes through the profiler.
    """

    name: str
    build: Callable[[], Call]
    work: Work = NO_WORK
    error: Callable[[], float | None] | None = None
    profiled: bool = True
    runs: int = 20


Cases = Callable[[Lab], Iterator[Case]]


def relative_error(actual: torch.Tensor, expected: torch.Tensor) -> float:
    """Relative root mean square of the difference; NaN stays NaN."""
    actual, expected = actual.double().flatten(), expected.double().flatten()
    return float((actual - expected).norm() / expected.norm())


def error_of_first(actual: Sequence[torch.Tensor], plain: Sequence[torch.Tensor]) -> float | None:
    """Relative error of results that the cases' builds fill in, against the plain way's, if that ran."""
    return relative_error(actual[0], plain[0]) if plain else None


def run_stages(stages: Sequence[str], arguments: Sequence[str] | None = None) -> int:
    """Runs the named stages' cases; returns the number of failures."""
    options = _options(arguments)
    lab = Lab(options.device, options.voxels, options.family)
    old = read_report(options.compare)["cases"] if options.compare else {}
    results, begun = Results(options.out, "stages"), time.perf_counter()
    cases: dict[str, Any] = {}
    results.put("environment", environment(lab))
    results.content |= {"command": command_line(arguments), "cases": cases}
    # as the runners do it: no gradients, but ordinary tensors, which fast paths may treat differently
    with torch.no_grad():
        for name, case in _chosen(stages, options, lab):
            if time.perf_counter() - begun > options.seconds:
                print(f"{name:58} left out: the time is over", flush=True)
                continue
            cases[name] = _run(case, lab, profiled=not options.no_profile)
            print(_line(name, cases[name], old.get(name)), flush=True)
            results.write()
    print(json.dumps({name: _short(result) for name, result in cases.items()}))
    return sum("failed" in result for result in cases.values())


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--out", type=out_folder, help="folder for stages.json")
    add("--compare", type=user_path, help="JSON of an earlier run")
    add("--no-profile", action="store_true")
    add("--only", default="", help="cases whose names contain this")
    add(
        "--without",
        type=_words,
        default=[],
        help="cases whose names contain none of these, such as graph,cudnn",
    )
    add("--family", choices=sorted(FAMILIES), default="published")
    add("--voxels", type=at_least_one, default=SHELL_VOXELS)
    add("--device", type=device_name, default="cuda" if torch.cuda.is_available() else "cpu")
    add("--seconds", type=positive, default=1e9, help="start no case after so many seconds")
    add("--skip", type=_words, default=[], help="stages to leave out")
    return parser.parse_args(arguments)


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _chosen(stages: Sequence[str], options: argparse.Namespace, lab: Lab) -> Iterator[tuple[str, Case]]:
    for stage in stages:
        if stage in options.skip:
            continue
        for case in _cases_of(stage, lab):
            name = f"{stage}: {case.name}"
            if options.only in name and not any(word in name for word in options.without):
                yield name, case


def environment(lab: Lab) -> dict[str, Any]:
    """What the numbers hold for."""
    cuda = torch.cuda.is_available()
    return {
        "device": torch.cuda.get_device_name() if cuda else platform.processor() or platform.machine(),
        "cuda": torch.version.cuda,
        "family": lab.family,
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
        if lab.ceilings and case.work and lab.family == "published":
            result["floor_ms"] = round(lab.ceilings.floor_ms(case.work), 3)
            result["percent_of_floor"] = round(100 * result["floor_ms"] / result["median_ms"], 1)
        if case.error and (error := case.error()) is not None:
            result["error"] = error
        if profiled and case.profiled:
            result["profile"] = profile(call)
    except Exception as error:
        result |= failure(error)
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
    line += f"  first {result['build_s'] + result['first_s']:5.1f} s"
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
