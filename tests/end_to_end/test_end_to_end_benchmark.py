"""The benchmark over HTTP, against a real server with stand-in models."""

import json
from pathlib import Path
from urllib.parse import urlparse

import pytest

from benchmarks.end_to_end import main

pytestmark = pytest.mark.slow

COUNTS = ["--lone", "4", "--burst", "3", "--bursts", "2", "--videos", "1", "--video-res", "64"]
LOAD = ["--in-flight", "1,12", "--rate", "20,200", "--requests", "24", "--seconds", "60"]


def test_every_phase_is_measured_and_written(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = str(urlparse(server).port)
    assert main(["--port", port, *COUNTS, *LOAD, "--out", str(tmp_path)]) == 0
    report = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert json.loads((tmp_path / "end_to_end.json").read_text()) == report
    lone = report["lone"]
    assert (lone["requests"], lone["statuses"]) == (4, {"200": 4})
    assert lone["min_s"] <= lone["median_s"] <= lone["p95_s"] <= lone["max_s"]
    medians, found = lone["stage_medians_ms"], lone["derived_medians_ms"]
    assert medians["image_to_3d.work"] <= medians["image_to_3d"] <= found["image_to_ply_ms"]
    assert medians["total"] / 1e3 <= lone["max_s"]
    assert 0 <= found["hops_ms"] <= medians["total"]
    assert len(report["burst"]["rounds"]) == 2
    assert all(slowest > 0 for slowest in report["burst"]["worst_probe_ms"].values())
    assert report["video"]["statuses"] == {"200": 1}
    assert report["video"]["after_the_ply_ms"] > 0
    for run in (*report["in_flight"].values(), *report["open_loop"].values()):
        assert sum(run["statuses"].values()) == run["requests"] <= 24
        assert set(run["statuses"]) <= {"200", "503"}
        assert run["per_second"] == pytest.approx(run["statuses"]["200"] / run["seconds"], rel=0.01)
    # twelve at once are more than the gateway admits: some are sent away, and counted
    assert report["in_flight"]["12"]["statuses"].get("503", 0) > 0
    assert report["in_flight"]["1"]["statuses"] == {"200": 24}


def test_a_second_run_is_compared_with_the_first(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--port", str(urlparse(server).port), "--lone", "1", "--burst", "0", "--videos", "0"]
    main([*arguments, "--out", str(tmp_path)])
    main([*arguments, "--compare", str(tmp_path / "end_to_end.json")])
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("lone.median_s") and "->" in line for line in lines)
    assert not any(line.startswith("service.") for line in lines)
