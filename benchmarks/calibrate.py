"""How well the configured scorer tells right objects from wrong ones.

python -m benchmarks.calibrate FOLDER [--out DIR]

FOLDER holds files of splats and labels.csv with the columns file, prompt, label; the label `match` says that
a file shows its prompt, any other one in what way it does not. Every row is scored once: scores.jsonl in
--out (FOLDER otherwise) keeps what was done, and another run goes on from there. Then report.md, report.json
and roc.png are written: areas under the ROC curve of every score for every label, thresholds at stated rates
of wrongly rejected matches, and what passes as configured.
"""

import argparse
import csv
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from rich.progress import track

from command_line.arguments import out_folder, user_path
from command_line.running import run_program
from configuration.leaves import ConfigurationError
from configuration.reader import configuration_file, read_configuration
from models.errors import WeightsError
from scripts.validate import Validator
from validation.curves import area, curve, threshold_at

LABELS, SCORES, MATCH = "labels.csv", "scores.jsonl", "match"
RATES = (0.01, 0.05)  # of matches that a threshold turns away


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One pair of a file and a prompt."""

    file: str
    prompt: str
    label: str


def main() -> None:
    """Runs the command line."""
    folder, out = parse_arguments()
    rows = read_labels(folder / LABELS)
    try:
        configuration = read_configuration(configuration_file(os.environ), os.environ)
        scored = score_all(folder, rows, out / SCORES, Validator(configuration))
    except (ConfigurationError, WeightsError) as error:
        sys.exit(f"error: {error}")
    report = report_of(scored)
    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (out / "report.md").write_text("\n".join(lines_of(report)) + "\n", encoding="utf-8")
    draw(scored, out / "roc.png")
    print("\n".join(lines_of(report)))


def read_labels(file: Path) -> list[Row]:
    """The rows of labels.csv.

    Raises:
        SystemExit: It is not there, lacks a column, or has no match or nothing else.
    """
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            rows = [
                Row(file=one["file"], prompt=one["prompt"], label=one["label"])
                for one in csv.DictReader(stream)
            ]
    except (OSError, KeyError, UnicodeDecodeError) as error:
        sys.exit(f"error: {file} is no table of file, prompt and label: {error}")
    labels = {row.label for row in rows}
    if MATCH not in labels or len(labels) < 2:
        sys.exit(f"error: {file} needs rows labelled {MATCH}, and others")
    return rows


def score_all(folder: Path, rows: Sequence[Row], log: Path, validator: Validator) -> list[dict[str, Any]]:
    """What is known of every row; what is not yet is scored, and written down at once."""
    known = {_key(entry): entry for entry in _read(log)}
    broken_off = log.is_file() and not log.read_bytes().endswith(b"\n")
    with log.open("a", encoding="utf-8") as stream:
        stream.write("\n" if broken_off else "")
        for row in track(rows, description="scoring", transient=True):
            if (row.file, row.prompt, row.label) in known:
                continue
            entry = scored(folder, row, validator)
            stream.write(json.dumps(entry) + "\n")
            stream.flush()
            known[_key(entry)] = entry
    return [known[row.file, row.prompt, row.label] for row in rows]


def scored(folder: Path, row: Row, validator: Validator) -> dict[str, Any]:
    """One row with its scores."""
    try:
        data = (folder / row.file).read_bytes()
    except OSError as error:
        sys.exit(f"error: {folder / row.file} cannot be read: {error.strerror}")
    result, _ = validator.judged(data, frame=None, prompt=row.prompt, picture=None, sheet=False)
    return {
        "file": row.file,
        "prompt": row.prompt,
        "label": row.label,
        "passed": result.passed,
        "gate": result.gate,
        "scores": result.numbers,
    }


def _read(log: Path) -> Iterator[dict[str, Any]]:
    """What an earlier run wrote; a last line that broke off is scored again."""
    if not log.is_file():
        return
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            print(f"{log}: passing over a line that broke off", file=sys.stderr)


def _key(entry: dict[str, Any]) -> tuple[str, str, str]:
    return entry["file"], entry["prompt"], entry["label"]


def report_of(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Areas, thresholds and shares that pass."""
    labels = list(dict.fromkeys(entry["label"] for entry in entries if entry["label"] != MATCH))
    names = [
        name
        for name in dict.fromkeys(n for e in entries for n in e["scores"])
        if len(_values(entries, name, MATCH))
    ]
    scores = {}
    for name in names:
        good = _values(entries, name, MATCH)
        bad = {label: _values(entries, name, label) for label in labels}
        scores[name] = {
            "areas": {label: area(good, values) for label, values in bad.items() if len(values)},
            "thresholds": {
                str(rate): {
                    "threshold": threshold_at(good, rate),
                    "accepted": {
                        label: float((values >= threshold_at(good, rate)).mean())
                        for label, values in bad.items()
                        if len(values)
                    },
                }
                for rate in RATES
            },
        }
    passed = {
        label: float(np.mean([entry["passed"] for entry in entries if entry["label"] == label]))
        for label in (MATCH, *labels)
    }
    counts = {label: sum(entry["label"] == label for entry in entries) for label in (MATCH, *labels)}
    return {"counts": counts, "passed": passed, "scores": scores}


def _values(entries: Sequence[dict[str, Any]], name: str, label: str) -> Float[np.ndarray, " rows"]:
    """A score of all rows of one label that have it."""
    found = [
        entry["scores"][name] for entry in entries if entry["label"] == label and name in entry["scores"]
    ]
    return np.array(found, np.float64)


def lines_of(report: dict[str, Any]) -> list[str]:
    """The report as Markdown."""
    labels = [label for label in report["counts"] if label != MATCH]
    lines = [
        "| label | pairs | pass as configured | "
        + " | ".join(f"area of {n}" for n in report["scores"])
        + " |"
    ]
    lines += ["|---" * (3 + len(report["scores"])) + "|"]
    for label in (MATCH, *labels):
        areas = [one["areas"].get(label) for one in report["scores"].values()]
        cells = ["" if value is None else f"{value:.3f}" for value in areas]
        lines.append(
            f"| {label} | {report['counts'][label]} | {report['passed'][label]:.1%} | {' | '.join(cells)} |"
        )
    for name, one in report["scores"].items():
        for rate, found in one["thresholds"].items():
            accepted = ", ".join(f"{label} {share:.1%}" for label, share in found["accepted"].items())
            lines += [
                "",
                f"{name} >= {found['threshold']:.3f} turns away {float(rate):.0%} of the matches"
                f" and lets pass: {accepted}.",
            ]
    return lines


def draw(entries: Sequence[dict[str, Any]], file: Path) -> None:
    """The curves, a panel for each score."""
    try:
        import matplotlib
    except ModuleNotFoundError:
        print(f"{file.name} is not drawn: it needs matplotlib (requirements-dev.txt)", file=sys.stderr)
        return
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = list(report_of(entries)["scores"])
    labels = list(dict.fromkeys(entry["label"] for entry in entries if entry["label"] != MATCH))
    figure, axes = plt.subplots(1, len(names), figsize=(4.5 * len(names), 4), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        good = _values(entries, name, MATCH)
        for label in labels:
            if len(bad := _values(entries, name, label)):
                axis.plot(*curve(good, bad), label=f"{label} {area(good, bad):.3f}")
        axis.set(title=name, xlabel="others that pass", ylabel="matches that pass")
        axis.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(file, dpi=80)
    plt.close(figure)


def parse_arguments() -> tuple[Path, Path]:
    """Reads `sys.argv`: the folder, and where results go."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.calibrate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=user_path, metavar="FOLDER")
    parser.add_argument("--out", type=out_folder, help="folder for the results; FOLDER otherwise")
    parsed = parser.parse_args()
    return parsed.folder, parsed.out or parsed.folder


if __name__ == "__main__":
    run_program(main)
