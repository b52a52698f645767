"""Where the embedded family's time goes on the CPU: prompt to validated PLY in one process.

    OMP_WAIT_POLICY=PASSIVE python -m benchmarks.cpu_profile [--runs 7] [--out benchmarks/reports]

The wait policy is the runners' own: threads that spin are hit hard by whatever else the machine does. The
models, their settings and the order of the stages are the service's own too (default configuration, profile
embedded); what is missing is HTTP, the hops between processes, and their competition for the cores. Stages
are timed over `--runs` objects, by the clock and by what all threads computed, which other programs of the
machine disturb less; then one more object goes through torch's profiler, whose operators are listed by
their own time. Writes embedded_cpu.md and embedded_cpu.json; the last line is JSON.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.prompts import prompt_of
from benchmarks.results import Results, tell_set_aside
from benchmarks.summaries import percentile
from command_line.arguments import at_least_one, out_folder, whole
from command_line.running import run_program
from configuration.reader import DEFAULT_FILE, read_configuration
from configuration.schema import Configuration
from export.ply import read_ply, write_ply
from models.clock import StageClock
from models.errors import MinerError
from models.gaussians.cleanup import clean_up
from models.gaussians.gaussians import Gaussians
from models.image.text_to_image import TextToImage
from models.matte import MatteCutter
from models.trellis.image_to_3d import ImageTo3D, SamplerSettings
from models.weights.random_layout import EMBEDDED
from rendering.cameras import orbit
from rendering.renderer import create_renderer
from runners.machine import usable_cores
from validation.geometry import measure as measure_geometry
from validation.scorer import Scorer

TOP_OPERATORS = 12
NAME = "embedded_cpu"


class StageTimes(dict[str, float]):
    """Takes each stage's seconds when it ends, and notes what all threads computed since the one before."""

    def __init__(self) -> None:
        super().__init__()
        self.computed: dict[str, float] = {}
        self._last = time.process_time()

    def __setitem__(self, stage: str, seconds: float) -> None:
        super().__setitem__(stage, seconds)
        now = time.process_time()
        self.computed[stage] = now - self._last
        self._last = now


class Pipeline:
    """The stages as the runners configure them; each one is timed by name."""

    def __init__(self, configuration: Configuration, threads: int) -> None:
        self._settings = configuration
        self._drawer = TextToImage.load(EMBEDDED / "text_to_image", device="cpu", dtype=torch.float32)
        self._cutter = MatteCutter.load(EMBEDDED / "matte", device="cpu")
        self._maker = ImageTo3D.load(EMBEDDED / "image_to_3d", device="cpu")
        self._scorer = Scorer.load(EMBEDDED / "validation", device="cpu")
        self._renderer = create_renderer("cpu", num_threads=threads)
        validation = configuration.validation
        self._cameras = orbit(validation.views, size=validation.view_size)
        self.times = StageTimes()

    def run(self, prompt: str, seed: int) -> int:
        """One object, in stages; gives the number of its splats.

        Raises:
            MinerError: A stage found nothing.
        """
        self.times = StageTimes()
        with self._timed("text_to_image"):
            image = self._draw(prompt, seed)
        with self._timed("matting"):
            (cutout,) = self._cutter.cut_out([image])
        if isinstance(cutout, MinerError):
            raise cutout
        splats = self._make(cutout, seed)
        with self._timed("clean-up and PLY"):
            ply = write_ply(clean_up(splats, frame=self._settings.frame))
        self._judge(prompt, ply)
        return splats.num_splats

    def _draw(self, prompt: str, seed: int) -> Any:
        options = self._settings.text_to_image
        return self._drawer.generate(
            [prompt],
            [seed],
            steps=options.steps,
            resolution=options.resolution,
            guidance=options.guidance,
            max_sequence_length=options.max_sequence_length,
        )[0]

    def _make(self, cutout: Any, seed: int) -> Gaussians:
        stages = self._settings.image_to_3d.stages
        (made,) = self._maker.generate(
            [cutout],
            [seed],
            structure=SamplerSettings(**asdict(stages.structure)),
            latents=SamplerSettings(**asdict(stages.latents)),
            clock=StageClock(self._maker.device, self.times),
        )
        if isinstance(made, MinerError):
            raise made
        return made.gaussians

    def _judge(self, prompt: str, ply: bytes) -> None:
        with self._timed("validation: read PLY"):
            splats = read_ply(ply)
        with self._timed("validation: views"):
            views = self._renderer.render(splats, self._cameras)
        with self._timed("validation: scores"):
            self._scorer.score([prompt], [views])
            measure_geometry(splats)

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.times[name] = time.perf_counter() - started


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line."""
    options = parse_arguments(argv)
    torch.set_num_threads(options.threads)
    configuration = read_configuration(
        DEFAULT_FILE, {"MINER__PROFILE": "embedded", "MINER__DEVICE": "cpu"}, lambda: 0
    )
    pipeline = Pipeline(configuration, options.threads)
    for number in range(options.warm_ups):
        pipeline.run(prompt_of(number), number)
    results = Results(options.out, NAME)
    results.put("environment", environment(options.threads))
    results.put("stages", stage_times(pipeline, options.runs))
    results.put("operators", operators(lambda: pipeline.run(prompt_of(0), 0)))
    if options.out:
        tell_set_aside(options.out / f"{NAME}.md")
        (options.out / f"{NAME}.md").write_text(as_markdown(results.content), encoding="utf-8")
    print(json.dumps(results.content))
    return 0


def stage_times(pipeline: Pipeline, runs: int) -> dict[str, Any]:
    """Medians of every stage and of their sum, over objects of different prompts."""
    seen: list[StageTimes] = []
    splats: list[int] = []
    for number in range(runs):
        splats.append(pipeline.run(prompt_of(number), number))
        seen.append(pipeline.times)
    rows = {
        name: {
            "median_ms": _median_ms([times[name] for times in seen]),
            "max_ms": round(1e3 * max(times[name] for times in seen), 1),
            "computed_ms": _median_ms([times.computed[name] for times in seen]),
        }
        for name in seen[0]
    }
    rows["all stages"] = {
        "median_ms": _median_ms([sum(times.values()) for times in seen]),
        "max_ms": round(1e3 * max(sum(times.values()) for times in seen), 1),
        "computed_ms": _median_ms([sum(times.computed.values()) for times in seen]),
    }
    return {"runs": runs, "median_splats": int(percentile(splats, 50)), "rows": rows}


def _median_ms(seconds: Sequence[float]) -> float:
    return round(1e3 * percentile(seconds, 50), 1)


def operators(call: Callable[[], object]) -> dict[str, Any]:
    """The operators with the most time of their own, in one profiled run."""
    with profile(activities=[ProfilerActivity.CPU]) as recorder:
        started = time.perf_counter()
        call()
        seconds = time.perf_counter() - started
    events = sorted(recorder.key_averages(), key=lambda event: -event.self_cpu_time_total)
    return {
        "profiled_ms": round(1e3 * seconds, 1),
        "in_operators_ms": round(sum(event.self_cpu_time_total for event in events) / 1e3, 1),
        "top": [
            {"name": event.key, "ms": round(event.self_cpu_time_total / 1e3, 1), "calls": event.count}
            for event in events[:TOP_OPERATORS]
        ],
    }


def environment(threads: int) -> dict[str, Any]:
    """What the figures hold for."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "wait_policy": os.environ.get("OMP_WAIT_POLICY", "unset"),
        "load_before": round(os.getloadavg()[0], 2),
    }


def processor() -> str:
    """As the system calls it."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()


def as_markdown(report: dict[str, Any]) -> str:
    """The report's two tables."""
    stages, work, place = report["stages"], report["operators"], report["environment"]
    lines = [
        "# Where the embedded family's time goes",
        "",
        f"{place['processor']}, {place['cores']} cores, {place['threads']} threads, Python {place['python']},"
        f" torch {place['torch']}; load of the machine before the start {place['load_before']}.",
        f"`OMP_WAIT_POLICY={place['wait_policy']} python -m benchmarks.cpu_profile --runs {stages['runs']}"
        " --out benchmarks/reports`: prompt to validated PLY in one process, default configuration, median of"
        f" {stages['runs']} objects"
        f" ({stages['median_splats']:,} splats before clean-up).",
        "On a loaded machine the first two columns are those of the neighbours too; the third is not.",
        "",
        "| stage | median ms | longest ms | computed by all threads, ms | share of it |",
        "|---|---|---|---|---|",
        *stage_lines(stages["rows"]),
        "",
        f"One object under torch's profiler ({work['profiled_ms']:.0f} ms, {work['in_operators_ms']:.0f} of"
        " them in operators), by the operators' own time:",
        "",
        "| operator | ms | calls |",
        "|---|---|---|",
        *(f"| `{row['name']}` | {row['ms']:.0f} | {row['calls']:,} |" for row in work["top"]),
    ]
    return "\n".join(lines) + "\n"


def stage_lines(rows: dict[str, dict[str, float]]) -> Iterator[str]:
    """The stages' rows, with their share of what was computed."""
    total = rows["all stages"]["computed_ms"]
    for name, row in rows.items():
        share = 100 * row["computed_ms"] / total
        times = " | ".join(f"{row[key]:.0f}" for key in ("median_ms", "max_ms", "computed_ms"))
        yield f"| {name} | {times} | {share:.0f} % |"


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cpu_profile",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--threads", type=at_least_one, default=usable_cores())
    parser.add_argument("--runs", type=at_least_one, default=7)
    parser.add_argument("--warm-ups", type=whole(0), default=2)
    parser.add_argument("--out", type=out_folder, help="folder for embedded_cpu.md and .json")
    return parser.parse_args(argv)


if __name__ == "__main__":
    run_program(main)
