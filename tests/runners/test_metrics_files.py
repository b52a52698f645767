"""Metrics in files of all processes: what the dead leave, what a cleaner takes, what a full disk does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from runners.life import metrics
from runners.life.metrics import METRICS_VARIABLE, MetricsFolder, forget_the_dead

PROGRAM = """
import os, shutil, sys, time
from pathlib import Path
from runners.life.metrics import look_after_folders, reserve_room
import runners.life.metrics as metrics
reserve_room()
from prometheus_client import Counter, Gauge
folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
counter, gauge = Counter("made", "", ["kind"]), Gauge("in_work", "", multiprocess_mode="livesum")
"""


def run(program: str, folder: Path) -> None:
    environment = os.environ | {METRICS_VARIABLE: str(folder)}
    subprocess.run([sys.executable, "-c", PROGRAM + program], env=environment, check=True, timeout=60)


def merged(folder: Path) -> dict[str, float]:
    """What a scrape would say."""
    collector = MultiProcessCollector(CollectorRegistry(), str(folder))
    samples = (sample for metric in collector.collect() for sample in metric.samples)
    return {sample.name: sample.value for sample in samples}


def test_gauges_forget_processes_that_died_and_counters_do_not(tmp_path: Path) -> None:
    run("counter.labels('ply').inc(); gauge.inc(2); os._exit(0)", tmp_path)
    assert merged(tmp_path) == {"made_total": 1, "in_work": 2}
    forget_the_dead(tmp_path)
    assert merged(tmp_path) == {"made_total": 1}


def test_a_living_siblings_gauge_stays(tmp_path: Path) -> None:
    file = tmp_path / f"gauge_livesum_{os.getpid()}.db"
    file.touch()
    (tmp_path / "gauge_livesum_1.db").touch()  # alive, but no process of this service: numbers are used again
    forget_the_dead(tmp_path)
    assert list(tmp_path.iterdir()) == [file]


def test_a_lost_folder_is_made_again_with_all_that_was_counted(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir(0o700)
    run(
        "metrics.LOOK_SECONDS = 0.05; counter.labels('ply').inc(3); gauge.inc(); look_after_folders()\n"
        "shutil.rmtree(folder)\n"
        "while len(list(folder.glob('*.db'))) < 2: time.sleep(0.05)\n"
        "time.sleep(0.2); counter.labels('ply').inc(); gauge.dec(); gauge.inc(); os._exit(0)",
        folder,
    )
    assert merged(folder) == {"made_total": 4, "in_work": 1}


def test_files_have_their_room_from_the_start(tmp_path: Path) -> None:
    run("[counter.labels('x' * 500 + str(i)).inc() for i in range(200)]", tmp_path)
    files = list(tmp_path.glob("counter_*.db"))
    assert all(file.stat().st_blocks * 512 >= file.stat().st_size for file in files)
    assert merged(tmp_path)["made_total"] == 1


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="Linux only")
def test_a_full_disk_costs_the_metrics_and_not_the_process(tmp_path: Path) -> None:
    run(
        "def refuse(*_): raise OSError(28, 'No space left on device')\n"
        "os.posix_fallocate = refuse\n"
        "counter.labels('ply').inc(); counter.labels('ply').inc()\n"
        "sys.exit(counter.labels('ply')._value.get() != 2)",
        tmp_path,
    )
    assert not list(tmp_path.glob("counter_*.db"))


def test_the_folder_lies_in_memory_unless_the_operator_names_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(METRICS_VARIABLE, raising=False)
    monkeypatch.setattr(metrics, "SHARED_MEMORY", tmp_path)
    own = MetricsFolder()
    assert own.path.parent == tmp_path
    own.close()
    assert not own.path.exists()
    (tmp_path / "named").mkdir()
    (tmp_path / "named" / "counter_1.db").touch()
    monkeypatch.setenv(METRICS_VARIABLE, str(tmp_path / "named"))
    named = MetricsFolder()
    assert list(named.path.iterdir()) == []
    named.close()
    assert named.path.is_dir()
