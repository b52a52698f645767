"""Figures from small reports: which files a report gives, and that they show what it says."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from benchmarks import plots

POINT = {"median_ms": 100.0, "p95_ms": 110.0}
SCALING = {
    "environment": {"device": "GPU", "torch": "2"},
    "curves": {
        "voxels: latent flow": {"16000": POINT, "8000": {"median_ms": 60.0, "p95_ms": 61.0}},
        "batch: matting": {"1": POINT, "2": {"median_ms": 150.0, "p95_ms": 160.0}, "8": {"failed": "memory"}},
    },
}
RUN = {
    "per_second": 1.5, "median_s": 0.8, "p95_s": 1.0, "p99_s": 1.1, "statuses": {"200": 38, "503": 2},
}  # fmt: skip
NOTHING = {"per_second": 0.0, "median_s": None, "p95_s": None, "p99_s": None, "statuses": {"503": 40}}
END_TO_END = {
    "machine": "x86_64",
    "lone": {
        "requests": 3,
        "stage_medians_ms": {"matting": 10.0, "read": 5.0, "total": 20.0},
        "derived_medians_ms": {"http_ms": 5.0},
    },
    "in_flight": {"1": RUN, "8": NOTHING},
    "open_loop": {"0.5": RUN, "4": NOTHING},
}
STAGES = {"cases": {"flux: step": POINT | {"floor_ms": 22.0}, "vae: decode": {"failed": "no memory"}}}


@pytest.mark.parametrize(
    ("report", "names"),
    [
        (SCALING, ["scaling_voxels", "scaling_batch", "batch_cost"]),
        (END_TO_END, ["load", "open_loop", "latency"]),
        (STAGES, ["stages"]),
        ({}, []),
    ],
)
def test_a_report_gives_the_figures_it_has_numbers_for(
    report: plots.Report, names: list[str], tmp_path: Path
) -> None:
    files = plots.draw(report, tmp_path)
    assert [file.stem for file in files] == names
    for file in files:
        pixels = np.asarray(Image.open(file).convert("RGB"))
        assert (pixels != 255).any(axis=2).mean() > 0.01  # something is drawn


def test_a_batchs_cost_is_one_items_share_of_the_lone_time() -> None:
    figure = plots.batch_cost(SCALING)
    (line,) = figure.axes[0].get_lines()
    assert np.asarray(line.get_ydata()).tolist() == [100.0, 75.0]  # 150 ms for two
    plt.close(figure)


def test_curves_come_in_ascending_order_without_failures() -> None:
    assert [x for x, _ in plots.curves(SCALING, "voxels")["latent flow"]] == [8000, 16000]
    assert [x for x, _ in plots.curves(SCALING, "batch")["matting"]] == [1, 2]
