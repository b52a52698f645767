"""`benchmarks.calibrate`: a report of a labelled folder, with stand-in models."""

import csv
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks import calibrate
from export.ply import write_ply
from tests.serving import placeholder_weights
from tests.stand_ins import fakes

SPLATS = fakes.ball((0.2, 0.4, 0.6), seed=1).scaled(1.5 / 0.8)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEIGHTS_DIR", str(placeholder_weights()))
    monkeypatch.setenv("MINER__PROFILE", "embedded")
    monkeypatch.setenv("MINER__VALIDATION__VIEW_SIZE", "64")

    def main(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["calibrate", *arguments])
        calibrate.main()

    with fakes.installed():
        yield main


def write_labels(folder: Path, rows: list[tuple[str, str, str]]) -> None:
    with (folder / "labels.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("file", "prompt", "label"), *rows])


def test_a_labelled_folder_gives_areas_thresholds_and_a_picture_and_goes_on(
    run: Callable[..., None], tmp_path: Path
) -> None:
    """The stand-in scores 1 but for what is ugly, which gets -1."""
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "a.ply").write_bytes(write_ply(SPLATS))
    (folder / "b.ply").write_bytes(write_ply(fakes.ball((0.1, 0.1, 0.1), 0, 100)))  # fails a gate
    rows = [("a.ply", f"mug {i}", "match") for i in range(3)]
    rows += [("a.ply", "ugly", "wrong_kind"), ("a.ply", "bowl", "wrong_kind"), ("b.ply", "mug", "few")]
    write_labels(folder, rows)
    run("set", "--out", "results")
    report = json.loads((tmp_path / "results/report.json").read_text())
    assert report["counts"] == {"match": 3, "wrong_kind": 2, "few": 1}
    assert report["passed"] == {"match": 1.0, "wrong_kind": 0.5, "few": 0.0}
    assert report["scores"]["alignment"]["areas"] == {"wrong_kind": 0.75}  # three wins and three ties of six
    assert report["scores"]["alignment"]["thresholds"]["0.01"]["accepted"] == {"wrong_kind": 0.5}
    assert "| wrong_kind | 2 | 50.0% | 0.750 |" in (tmp_path / "results/report.md").read_text()
    assert (tmp_path / "results/roc.png").read_bytes().startswith(b"\x89PNG")
    log = tmp_path / "results/scores.jsonl"
    done = log.read_text().splitlines()
    assert len(done) == 6
    log.write_text("\n".join(done[:4]) + "\n" + done[4][:20])  # broken off at work
    write_labels(folder, [*rows, ("a.ply", "cup", "match")])
    run("set", "--out", "results")
    report = json.loads((tmp_path / "results/report.json").read_text())
    assert report["counts"]["match"] == 4
    assert len(log.read_text().splitlines()) == 8  # the four, the piece, and the three that were missing


@pytest.mark.parametrize("rows", [[("a.ply", "mug", "match")], [("a.ply", "mug", "other")], []])
def test_labels_without_matches_and_others_are_refused(
    run: Callable[..., None], tmp_path: Path, rows: list[tuple[str, str, str]]
) -> None:
    write_labels(tmp_path, rows)
    with pytest.raises(SystemExit, match="needs rows labelled match"):
        run(".")
    (tmp_path / "labels.csv").unlink()
    with pytest.raises(SystemExit, match="no table"):
        run(".")
