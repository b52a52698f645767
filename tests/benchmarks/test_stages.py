"""Every stage has a script, and what runs in seconds on a CPU is run, on the shipped family."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks.bench import Case, run_stages
from benchmarks.floors import Ceilings, Work, schedule_flops
from benchmarks.lab import Lab
from benchmarks.stages import STAGES

REQUIRED = {
    "text_encoders", "flux", "vae", "matting", "image_encoder", "structure_flow", "structure_decoder",
    "latent_flow", "gaussian_decoder", "clean_up", "hand_over", "views", "clip", "video",
}  # fmt: skip
QUICK = ["matting", "clean_up", "hand_over", "views", "clip", "text_encoders", "structure_flow"]
ARGUMENTS = [
    "--family",
    "embedded",
    "--voxels",
    "300",
    "--device",
    "cpu",
    "--without",
    "518,cudnn,12 steps",
]


def test_every_stage_has_a_script() -> None:
    assert set(STAGES) >= REQUIRED


@pytest.mark.slow
def test_stages_run_and_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_stages(QUICK, [*ARGUMENTS, "--out", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "stages.json").read_text())
    assert {name.partition(":")[0] for name in report["cases"]} == set(QUICK)
    assert all(case["p95_ms"] >= case["median_ms"] > 0 for case in report["cases"].values())
    again = ["--only", "PLY bytes", "--compare", str(tmp_path / "stages.json")]
    assert run_stages(["clean_up"], [*ARGUMENTS, *again]) == 0
    printed = capsys.readouterr().out.strip().splitlines()
    assert "was" in printed[-2]
    assert list(json.loads(printed[-1])) == ["clean_up: PLY bytes"]


def test_a_failing_case_is_counted_and_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise RuntimeError("no memory")

    def cases(_: Lab) -> list[Case]:
        return [
            Case(name="broken", build=lambda: broken),
            Case(name="sound", build=lambda: lambda: torch.ones(2).sum(), runs=3),
        ]

    monkeypatch.setattr("benchmarks.stages.matting.cases", cases)
    assert run_stages(["matting"], ["--family", "embedded", "--device", "cpu"]) == 1
    last = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert "no memory" in last["matting: broken"]["failed"]
    assert last["matting: sound"]["median_ms"] > 0


def test_the_floor_is_the_slowest_of_what_must_happen() -> None:
    ceilings = Ceilings(
        flops_per_second=1e12,
        bytes_per_second=1e11,
        transferred_bytes_per_second=1e10,
        host_bytes_per_second=1e9,
    )
    assert ceilings.floor_ms(Work(flops=5e9, moved_bytes=1e8)) == pytest.approx(5.0)
    assert ceilings.floor_ms(Work(flops=5e9, transferred_bytes=1e8)) == pytest.approx(10.0)
    assert ceilings.floor_ms(Work(host_bytes=1e7).times(3)) == pytest.approx(30.0)
    assert not Work()


def test_the_structure_stage_needs_the_published_operations() -> None:
    # 10 of 12 steps guided; 102 TFLOP by the notes' own count of the exact shortcuts
    assert schedule_flops(4096, guided_steps=10, plain_steps=2) == pytest.approx(102e12, rel=0.02)
