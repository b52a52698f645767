"""Percentiles, arrivals and the reading of reports, against independent arithmetic."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load import poisson_arrivals
from benchmarks.prompts import NUM_PROMPTS, prompt_of
from benchmarks.results import Results, comparison, read_report
from benchmarks.server_timing import derived, parse_server_timing, stage_medians
from benchmarks.summaries import latency_summary, percentile

TIMING = (
    "text_to_image;dur=160.5, text_to_image.work;dur=150.0, image_to_3d;dur=600.0,"
    " image_to_3d.structure;dur=240.0, image_to_3d.work;dur=580.0, read;dur=9.5, total;dur=800.0"
)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0, 100))
def test_percentiles_are_numpys(values: list[float], percent: float) -> None:
    assert percentile(values, percent) == pytest.approx(float(np.percentile(values, percent)), abs=1e-6)


def test_nothing_measured_is_not_zero() -> None:
    assert set(latency_summary([]).values()) == {None}
    with pytest.raises(ValueError, match="of 0 values"):
        percentile([], 50)


def test_arrivals_are_a_poisson_process() -> None:
    rate, count = 2.0, 20_000
    arrivals = np.array(poisson_arrivals(rate, seed=1, count=count, seconds=1e9))
    gaps = np.diff(arrivals)
    assert gaps.min() > 0
    assert gaps.mean() == pytest.approx(1 / rate, rel=0.03)  # 4 standard errors
    assert gaps.std() == pytest.approx(1 / rate, rel=0.05)  # exponential: deviation equals mean
    per_second = np.histogram(arrivals, bins=np.arange(0, arrivals[-1]))[0]
    assert per_second.var() / per_second.mean() == pytest.approx(1, abs=0.1)  # Poisson: variance equals mean


def test_arrivals_repeat_and_are_bounded_both_ways() -> None:
    arrivals = poisson_arrivals(5.0, seed=3, count=1000, seconds=10.0)
    assert arrivals == poisson_arrivals(5.0, seed=3, count=1000, seconds=10.0)
    assert arrivals != poisson_arrivals(5.0, seed=4, count=1000, seconds=10.0)
    assert 20 < len(arrivals) < 90
    assert arrivals[-1] < 10.0
    assert len(poisson_arrivals(5.0, seed=3, count=7, seconds=10.0)) == 7
    with pytest.raises(ValueError, match="positive"):
        poisson_arrivals(0.0, seed=3, count=7, seconds=10.0)


def test_no_prompt_comes_again_before_all_others() -> None:
    assert len({prompt_of(number) for number in range(1000, 1000 + NUM_PROMPTS)}) == NUM_PROMPTS == 143


def test_server_timing_gives_the_way_from_image_to_ply_and_the_hops() -> None:
    stages = parse_server_timing(TIMING)
    assert stages["image_to_3d.structure"] == 240.0
    assert derived(stages) == {"image_to_ply_ms": 609.5, "hops_ms": 30.5, "gateway_ms": 30.0}


def test_server_timing_takes_what_the_standard_allows() -> None:
    assert parse_server_timing('a ; dur=1.5, miss, b;dur=2;desc="x"') == {"a": 1.5, "b": 2.0}
    assert parse_server_timing("") == derived({}) == {}
    assert stage_medians([{"a": 1.0}, {"a": 3.0, "b": 5.0}]) == {"a": 2.0, "b": 5.0}


def test_results_are_on_disk_before_the_run_ends(tmp_path: Path) -> None:
    results = Results(tmp_path / "new", "run")
    results.put("first", {"seconds": 2.0})
    assert read_report(tmp_path / "new/run.json") == {"first": {"seconds": 2.0}}


def test_a_report_is_read_from_a_runs_output_too(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("ready_s: 3\n" + json.dumps({"ready_s": 3}) + "\n")
    assert read_report(file) == {"ready_s": 3}


def test_a_comparison_names_what_both_runs_measured() -> None:
    old = {"lone": {"median_s": 2.0, "ok": True, "list": [1, 2]}, "service": {"process": 1}}
    new = {"lone": {"median_s": 1.0, "ok": True, "p95_s": 3.0, "list": [1, 4]}, "service": {"process": 2}}
    lines = [" ".join(line.split()) for line in comparison(old, new, without=["service"])]
    assert lines == [
        "lone.median_s 2 -> 1 -50.0 %",
        "lone.list.0 1 -> 1 +0.0 %",
        "lone.list.1 2 -> 4 +100.0 %",
    ]
