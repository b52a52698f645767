"""The waterfall's rows of the image stage, run as its readers run it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.waterfall import IMAGE
from command_line.places import ROOT


@pytest.mark.slow
def test_image_rows_and_their_command(tmp_path: Path) -> None:
    typed = ["-m", "benchmarks.waterfall", "--only", "image", "--family", "embedded", "--device", "cpu"]
    typed += ["--runs", "1"]
    subprocess.run([sys.executable, *typed, "--out", tmp_path], cwd=ROOT, check=True, capture_output=True)
    report = json.loads((tmp_path / "waterfall.json").read_text())
    assert report["command"] == " ".join(["python", *typed, "--out", str(tmp_path)])
    assert list(report["image"]) == list(IMAGE)
    plain, *others = report["image"].values()
    assert plain["error"] == 0
    assert all(0 < row["error"] < 1e-3 for row in others)  # rounding, and not the plain path again
    assert all(row["median_ms"] > 0 for row in (plain, *others))
