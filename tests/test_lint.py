"""ruff sees every Python file, and no exception in its settings is for a file that is gone."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from command_line.places import ROOT
from tests.import_graph import RESULTS


def python_files() -> set[Path]:
    found = set[Path]()
    for folder, inner, names in os.walk(ROOT):
        here = Path(folder)
        results = RESULTS if here == ROOT else set()
        inner[:] = [
            name for name in inner if not name.startswith((".", "__pycache__")) and name not in results
        ]
        found.update(here / name for name in names if name.endswith(".py"))
    return found


def test_ruff_checks_every_python_file() -> None:
    command = [str(Path(sys.executable).with_name("ruff")), "check", "--show-files", "."]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    checked = {Path(line) for line in listed if line.endswith(".py")}
    assert {str(path.relative_to(ROOT)) for path in python_files() - checked} == set()


def test_every_exception_is_for_a_file_that_exists() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    unused = [pattern for pattern in settings["per-file-ignores"] if not any(ROOT.glob(pattern))]
    assert unused == []
