"""A download's progress in a log."""

import time

import pytest

from scripts.weights.progress import LoggedProgress, create_progress


def test_a_log_gets_lines_with_what_is_done_and_left(capsys: pytest.CaptureFixture[str]) -> None:
    with LoggedProgress(line_seconds=0.05) as progress:
        everything = progress.add_task("all files", total=4_000_000_000)
        progress.add_task("one file", total=1)
        output = ""
        deadline = time.monotonic() + 20
        while "min left" not in output:
            assert time.monotonic() < deadline, output
            progress.advance(everything, 1_000_000)
            time.sleep(0.02)
            output += capsys.readouterr().out
    lines = output.splitlines()
    assert all(line.startswith("all files: ") and "of 4.00 GB (" in line for line in lines), lines
    capsys.readouterr()
    time.sleep(0.2)
    assert capsys.readouterr().out == ""  # it has ended


def test_nothing_to_fetch_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    with LoggedProgress(line_seconds=0.01):
        time.sleep(0.1)
    assert capsys.readouterr().out == ""


def test_what_is_no_terminal_gets_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(create_progress(), LoggedProgress)
