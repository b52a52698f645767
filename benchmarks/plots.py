"""Draws the figures of a report from the JSON files of `end_to_end`, `scaling` and `stages`.

    python -m benchmarks.plots FILE.json [FILE.json ...] --out DIR

Each file gives the figures that its content allows: curves of `scaling`, load and latency of `end_to_end`,
and every stage beside its floor. Needs matplotlib (requirements-dev.txt).
"""

import argparse
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # files only, no window
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from benchmarks.results import read_report
from command_line.arguments import out_folder, user_path
from command_line.running import run_program

INK, MUTED, GRID = "#1d2433", "#687083", "#e4e7ee"
COLORS = ("#2563eb", "#e8590c", "#0f9d76", "#9333ea", "#c2255c", "#687083")
DPI = 160
X_LABELS = {"voxels": "occupied voxels", "steps": "flow steps", "batch": "items in one batch"}
STYLE: Any = {  # matplotlib types its keys as literals
    "font.size": 10,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "legend.frameon": False,
}

Report = Mapping[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Draws all figures; 1 if a file held nothing to draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plots", description=__doc__)
    parser.add_argument("files", type=user_path, nargs="+")
    parser.add_argument("--out", type=out_folder, required=True)
    options = parser.parse_args(argv)
    empty, taken = 0, set[Path]()
    for file in options.files:
        drawn = draw(read_report(file), options.out, taken)
        taken.update(drawn)
        empty += not drawn
        print(f"{file}: {', '.join(path.name for path in drawn) or 'nothing to draw'}")
    return int(empty > 0)


def draw(report: Report, out: Path, taken: Collection[Path] = ()) -> list[Path]:
    """Writes every figure that a report allows; gives the files, which are none of those that are taken."""
    wanted: dict[str, tuple[bool, Callable[[Report], Figure]]] = {
        **{f"scaling_{kind}": (bool(curves(report, kind)), by_kind(kind)) for kind in X_LABELS},
        "batch_cost": (bool(curves(report, "batch")), batch_cost),
        "load": ("in_flight" in report, load),
        "open_loop": ("open_loop" in report, open_loop),
        "latency": ("lone" in report, lone_stages),
        "stages": ("cases" in report, stages),
    }
    files: list[Path] = []
    with plt.rc_context(STYLE):
        for name, (possible, make) in wanted.items():
            if possible:
                out.mkdir(parents=True, exist_ok=True)
                figure = make(report)
                names = (f"{name}.png", *(f"{name}-{number}.png" for number in range(2, 2 + len(taken))))
                files.append(next(out / name for name in names if out / name not in taken))
                figure.savefig(files[-1], dpi=DPI)
                plt.close(figure)
    return files


def curves(report: Report, kind: str) -> dict[str, list[tuple[int, dict[str, float]]]]:
    """The curves of one kind, points ascending, failed ones left out."""
    found = {
        name.partition(": ")[2]: sorted(
            (int(x), point) for x, point in points.items() if "failed" not in point
        )
        for name, points in report.get("curves", {}).items()
        if name.startswith(f"{kind}: ")
    }
    return {name: points for name, points in found.items() if points}


def by_kind(kind: str) -> Callable[[Report], Figure]:
    """A figure of latency over voxels, steps or batch, on axes where doubling is a fixed distance."""

    def make(report: Report) -> Figure:
        figure, axes = new_figure(f"Latency over {X_LABELS[kind]}", report)
        for color, (name, points) in zip(COLORS, curves(report, kind).items(), strict=False):
            x = [x for x, _ in points]
            axes.plot(x, [point["median_ms"] for _, point in points], "o-", color=color, label=name)
            axes.fill_between(
                x,
                [point["median_ms"] for _, point in points],
                [point["p95_ms"] for _, point in points],
                color=color,
                alpha=0.15,
                linewidth=0,
            )
        ticks = sorted({x for points in curves(report, kind).values() for x, _ in points})
        doubling_axes(axes, ticks)
        axes.set(xlabel=X_LABELS[kind], ylabel="median, shaded to p95 (ms)")
        axes.legend()
        return figure

    return make


def batch_cost(report: Report) -> Figure:
    """What one item costs in a batch, against alone: where the line is flat, larger batches gain nothing."""
    figure, axes = new_figure("Time of one item in a batch, against alone", report)
    found = curves(report, "batch")
    for color, (name, points) in zip(COLORS, found.items(), strict=False):
        x, first = [x for x, _ in points], points[0]
        alone = first[1]["median_ms"] / first[0]
        cost = [100 * point["median_ms"] / x / alone for x, point in points]
        axes.plot(x, cost, "o-", color=color, label=f"{name} ({alone:.0f} ms alone)")
    axes.set_xscale("log", base=2)
    exact_ticks(axes, sorted({x for points in found.values() for x, _ in points}))
    axes.set(xlabel=X_LABELS["batch"], ylabel="time an item (% of alone)")
    from_zero(axes)
    axes.legend()
    return figure


def load(report: Report) -> Figure:
    """Throughput and latency over requests in flight."""
    levels = sorted(((int(x), run) for x, run in report["in_flight"].items()), key=lambda pair: pair[0])
    figure, (above, below) = two_figures("Requests in flight (closed loop)", report)
    x = [x for x, _ in levels]
    above.plot(x, [run["per_second"] for _, run in levels], "o-", color=COLORS[0])
    above.set(ylabel="objects per second")
    from_zero(above)
    latency_lines(below, x, [run for _, run in levels])
    for axes in (above, below):
        axes.set_xscale("log", base=2)
        exact_ticks(axes, x)
    below.set(xlabel="requests in flight")
    return figure


def open_loop(report: Report) -> Figure:
    """Delivered against offered, and latency, over the rate of Poisson arrivals."""
    rates = sorted(((float(x), run) for x, run in report["open_loop"].items()), key=lambda pair: pair[0])
    figure, (above, below) = two_figures("Poisson arrivals (open loop)", report)
    x = [x for x, _ in rates]
    above.plot(x, x, "--", color=MUTED, label="offered")
    above.plot(x, [run["per_second"] for _, run in rates], "o-", color=COLORS[0], label="delivered (200)")
    for rate, run in rates:
        others = {status: n for status, n in run["statuses"].items() if status != "200"}
        if others:
            note = ", ".join(f"{n} x {status}" for status, n in others.items())
            above.annotate(
                note, (rate, run["per_second"]), xytext=(0, -14), textcoords="offset points", ha="center",
                fontsize=8, color=MUTED,
            )  # fmt: skip
    above.set(ylabel="objects per second")
    from_zero(above)
    above.legend()
    latency_lines(below, x, [run for _, run in rates])
    below.set(xlabel="arrivals per second, on average")
    return figure


def lone_stages(report: Report) -> Figure:
    """Where a lone request's time goes, stage after stage."""
    medians = report["lone"]["stage_medians_ms"]
    names = [name for name in medians if "." not in name and name != "total"]
    extra = {"HTTP": report["lone"].get("derived_medians_ms", {}).get("http_ms", 0.0)}
    times = {name: medians[name] for name in names} | extra
    figure, axes = new_figure("A lone request, prompt to last byte", report, height=2.4)
    start = 0.0
    for i, (name, milliseconds) in enumerate(times.items()):
        label = f"{name} {milliseconds:.0f} ms"
        axes.barh(0, milliseconds, left=start, color=COLORS[i % len(COLORS)], label=label, height=0.5)
        start += milliseconds
    axes.set(xlabel=f"milliseconds, medians of {report['lone']['requests']} requests", yticks=[])
    axes.set_ylim(-0.4, 1.6)
    axes.legend(ncols=3, loc="upper left", fontsize=8)
    return figure


def stages(report: Report) -> Figure:
    """Every case's median and p95, and its floor as a mark."""
    cases = {name: case for name, case in report["cases"].items() if "median_ms" in case}
    title = "Stages: median (dot), p95 (line) and physical floor (mark)"
    figure, axes = new_figure(title, report, height=1.4 + 0.24 * len(cases))
    for row, case in enumerate(cases.values()):
        axes.plot([case["median_ms"], case["p95_ms"]], [row, row], color=COLORS[0], linewidth=2)
        axes.plot(case["median_ms"], row, "o", color=COLORS[0])
        if case.get("floor_ms"):
            axes.plot(case["floor_ms"], row, "|", color=COLORS[1], markersize=11, markeredgewidth=2.5)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(plain_numbers())
    axes.set_yticks(range(len(cases)), list(cases), fontsize=8, color=INK)
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.set_xlabel("milliseconds")
    return figure


def latency_lines(axes: Axes, x: Sequence[float], runs: Sequence[Report]) -> None:
    """Median, p95 and p99 where something was delivered."""
    for color, key, name in zip(
        COLORS, ("median_s", "p95_s", "p99_s"), ("median", "p95", "p99"), strict=False
    ):
        points = [(place, run[key]) for place, run in zip(x, runs, strict=True) if run[key] is not None]
        axes.plot([place for place, _ in points], [y for _, y in points], "o-", color=color, label=name)
    axes.set(ylabel="latency (s)")
    from_zero(axes)
    axes.legend()


def from_zero(axes: Axes) -> None:
    """The y axis starts at zero and ends a little above what was drawn."""
    axes.set_ylim(0, 1.08 * axes.dataLim.y1)


def doubling_axes(axes: Axes, ticks: Sequence[int]) -> None:
    """Logarithmic both ways, with readable numbers."""
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(plain_numbers())
    axes.yaxis.set_minor_formatter(NullFormatter())
    exact_ticks(axes, ticks)


def plain_numbers() -> FuncFormatter:
    """0.1, 1, 10, 1,000 instead of powers of ten."""
    return FuncFormatter(lambda value, _: f"{value:,g}")


def exact_ticks(axes: Axes, ticks: Sequence[int]) -> None:
    """One tick where something was measured, and no other."""
    axes.set_xticks(list(ticks), [f"{tick:,}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())


def new_figure(title: str, report: Report, height: float = 4.2) -> tuple[Figure, Axes]:
    """One plot with the machine under its title."""
    figure, axes = plt.subplots(figsize=(7.2, height), layout="constrained")
    head(figure, title, report)
    return figure, axes


def two_figures(title: str, report: Report) -> tuple[Figure, Sequence[Axes]]:
    """Two plots above each other that share x."""
    figure, axes = plt.subplots(2, 1, figsize=(7.2, 5.6), sharex=True, layout="constrained")
    head(figure, title, report)
    return figure, list(axes)


def head(figure: Figure, title: str, report: Report) -> None:
    """The title, and what the figures hold for."""
    environment = report.get("environment", {})
    parts = [environment.get("device"), environment.get("family"), report.get("machine")]
    if "service" in report:
        parts += [report["service"].get("profile"), f"weights {report['service'].get('weights')}"]
    if "torch" in environment:
        parts.append(f"torch {environment['torch']}")
    subtitle = ", ".join(str(part) for part in parts if part)
    figure.suptitle(f"{title}\n{subtitle}", x=0.02, ha="left", fontsize=11)


if __name__ == "__main__":
    run_program(main)
