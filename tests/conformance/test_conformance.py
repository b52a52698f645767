"""The conformance command, and with it all recorded fixtures."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.conformance.__main__ import main


def run(capsys: pytest.CaptureFixture[str], *folders: Path) -> tuple[int, list[str]]:
    status = main([str(folder) for folder in folders])
    return status, capsys.readouterr().out.splitlines()


def test_all_recordings_in_the_project_pass(goldens: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = run(capsys, goldens)
    assert status == 0, lines
    for folder in ("pipeline", "sparse_ops", "preprocess_image", "dinov2_reg", "sparse_features_to_mesh"):
        assert any(line.startswith(folder) and "PASS" in line for line in lines)


@pytest.mark.slow
def test_all_shared_recordings_pass(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = run(capsys, shared / "trellis" / "golden", shared / "isnet")
    assert status == 0, lines
    assert lines[-1].endswith(", 0 SKIP")


def test_a_wrong_value_fails(goldens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(goldens / "sparse_ops", tmp_path / "ops")
    io = load_file(tmp_path / "ops" / "io.safetensors")
    save_file({**io, "conv3.out": io["conv3.out"] + 1e-3}, tmp_path / "ops" / "io.safetensors")
    status, lines = run(capsys, tmp_path)
    assert status == 1
    assert any("conv3" in line and "FAIL" in line for line in lines)


def test_a_fixture_that_breaks_fails_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_file({"conv3.conv.weight": torch.zeros(1)}, tmp_path / "io.safetensors")
    status, lines = run(capsys, tmp_path)
    assert status == 1
    assert "KeyError" in lines[0]


def test_unknown_fixtures_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "io.safetensors")
    status, lines = run(capsys, tmp_path)
    assert status == 1
    assert "unknown kind" in lines[0]


def test_finding_nothing_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, tmp_path)[0] == 1
