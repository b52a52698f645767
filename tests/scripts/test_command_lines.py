"""Every program's command line: what cannot be is told in a sentence before any work begins."""

import importlib
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.results import Results, read_report
from command_line.places import ROOT

PROGRAMS = ("benchmarks", "training", "scripts", "models", "rendering")


def main_of(program: str) -> Callable[[], object]:
    main: Callable[[], object] = importlib.import_module(program).main
    return main


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("benchmarks.end_to_end --port abc", "'abc' is not a whole number from 1 to 65535"),
        ("benchmarks.end_to_end --port 70000", "70000 is not a whole number from 1 to 65535"),
        ("benchmarks.end_to_end --requests 0", "0 is not a whole number from 1"),
        ("benchmarks.end_to_end --seconds nan", "'nan' is not a number above 0"),
        ("benchmarks.end_to_end --out {file}", "cannot write to {file}"),
        ("benchmarks.end_to_end --in-flight x", "--in-flight"),
        ("benchmarks.end_to_end --serve --set x", "KEY=VALUE is wanted, not x"),
        ("benchmarks.end_to_end --compare ~no-such-user/x", "no home folder of ~no-such-user is known"),
        ("benchmarks.plots {file} --out {file}", "cannot write to {file}"),
        ("benchmarks.scaling --only voxels,x", "'x': not one of voxels, steps, batch"),
        ("benchmarks.scaling --device cuda:99", "cuda:99: torch finds"),
        ("benchmarks.scaling --device tpu", "'tpu' is not cpu, cuda or cuda:NUMBER"),
        ("benchmarks.memory --profile 24gb --rounds -1", "-1 is not a whole number from 1"),
        ("training.blend ~no-such-user/a b --out c", "no home folder of ~no-such-user is known"),
        ("training.evaluate --out {file}", "cannot write to {file}"),
        ("models.conformance.__main__ {file}", "no such folder: {file}"),
    ],
)
def test_what_cannot_be_is_told(
    command: str,
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "file"
    file.touch()
    program, *arguments = command.format(file=file).split()
    monkeypatch.setattr(sys, "argv", [program, *arguments])
    with pytest.raises(SystemExit) as ended:
        main_of(program)()
    assert ended.value.code == 2
    assert complaint.format(file=file) in capsys.readouterr().err


def test_every_program_ends_without_tracebacks_and_reads_paths_as_shells_do() -> None:
    """A new program that forgets either fails here."""
    for folder in PROGRAMS:
        for file in (ROOT / folder).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            if "ArgumentParser(" in text or "run_stages([" in text:
                assert "type=Path" not in text, f"{file}: use command_line.arguments"
            if 'if __name__ == "__main__":' in text:
                assert re.search(r"\brun_program\(", text), f"{file}: use command_line.running"


def test_a_report_is_kept_when_the_next_one_is_written(tmp_path: Path) -> None:
    for number in range(3):
        results = Results(tmp_path, "stages")
        results.put("number", number)
        results.put("more", number)
    kept = {file.name: json.loads(file.read_text())["number"] for file in tmp_path.iterdir()}
    assert kept == {"stages-1.json": 0, "stages-2.json": 1, "stages.json": 2}


@pytest.mark.parametrize("content", [b"", b"no JSON", b"[1]", b"\xff\xfe", b"log\n{"])
def test_a_file_that_is_no_report_is_told(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"report.json holds no report"):
        read_report(file)
