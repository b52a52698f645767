"""Cores and descriptors of a process, in trees as the kernel shows them; systems that are not Linux."""

import fcntl
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from command_line.places import ROOT
from export.mp4 import encode_mp4
from runners import handover
from runners.handover import Handover, fill, handover_root, make_room
from runners.machine import usable_cores


@pytest.fixture
def sixteen_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)))


def cores(folder: Path, own_groups: str, files: dict[str, str]) -> int:
    """What a process in `own_groups` may use, where the groups' files hold this."""
    proc, groups = folder / "proc", folder / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "self/cgroup").write_text(own_groups)
    for name, content in files.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(content + "\n")
    return usable_cores(proc, groups)


OWN = "cpu,cpuacct/docker/a"
V1 = "3:memory:/docker/a\n2:cpu,cpuacct:/docker/a\n1:name=systemd:/\n"


@pytest.mark.usefixtures("sixteen_cores")
@pytest.mark.parametrize(
    ("own_groups", "files", "expected"),
    [
        ("0::/\n", {}, 16),
        ("0::/\n", {"cpu.max": "max 100000"}, 16),
        ("0::/\n", {"cpu.max": "200000 100000"}, 2),
        ("0::/\n", {"cpu.max": "765000 100000"}, 8),
        ("0::/\n", {"cpu.max": "5000 100000"}, 1),
        ("0::/\n", {"cpu.max": "3200000 100000"}, 16),
        ("0::/\n", {"cpu.max": "50000 20000"}, 3),
        ("0::/pods/a/b\n", {"pods/a/b/cpu.max": "max 100000", "pods/cpu.max": "400000 100000"}, 4),
        ("0::/pods/a\n", {"pods/a/cpu.max": "800000 100000", "pods/cpu.max": "1200000 100000"}, 8),
        ("0::/pods/a\n", {"pods/a/cpu.max": "800000 100000", "pods/cpu.max": "100000 100000"}, 1),
        ("0::/pods/of/the/host\n", {"cpu.max": "200000 100000"}, 2),  # no namespace of groups: its path
        ("0::/../sibling\n", {"cpu.max": "200000 100000"}, 2),
        ("0::/\n", {"cpu.max": "broken"}, 16),
        (V1, {f"{OWN}/cpu.cfs_quota_us": "150000", f"{OWN}/cpu.cfs_period_us": "100000"}, 2),
        (V1, {"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        (V1, {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 16),
        (V1, {"cpuset/cpu.cfs_quota_us": "100000", "cpuset/cpu.cfs_period_us": "100000"}, 16),
        (f"{V1}0::/\n", {"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4),
    ],
)  # fmt: skip
def test_cores_are_the_least_of_affinity_and_every_quota(
    own_groups: str, files: dict[str, str], expected: int, tmp_path: Path
) -> None:
    assert cores(tmp_path, own_groups, files) == expected


def test_fewer_cores_than_the_quota_stay_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3})
    assert cores(tmp_path, "0::/\n", {"cpu.max": "800000 100000"}) == 1


def test_the_soft_limit_of_descriptors_becomes_the_hard_one_and_is_passed_on() -> None:
    child = "import resource; print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
    code = (
        "import resource, subprocess, sys\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 500))\n"
        "from runners.machine import raise_descriptor_limit\n"
        "raise_descriptor_limit()\n"
        f"subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    )
    output = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    assert output.stdout.split() == [b"500", b"500"]


def test_where_no_hard_limit_is_named_descriptors_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: taken.append(limits))
    from runners.machine import raise_descriptor_limit

    raise_descriptor_limit()
    assert taken == [(10_240, resource.RLIM_INFINITY)]


def test_without_linuxs_calls_cores_are_counted_files_filled_and_films_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in [(os, "sched_getaffinity"), (os, "posix_fallocate"), (fcntl, "F_SETPIPE_SZ")]:
        monkeypatch.delattr(module, name)
    monkeypatch.setattr(handover, "SHARED_MEMORY", tmp_path / "absent")
    assert usable_cores(tmp_path / "no-proc", tmp_path / "no-groups") == (os.cpu_count() or 1)
    files = Handover(handover_root(str(tmp_path)))
    with files.reserve() as made:
        make_room(str(made.ply), 8_000_000)
        fill(str(made.ply), b"splats")
        assert made.ply.read_bytes() == b"splats"
    files.close()
    assert handover_root("auto").is_dir()
    assert encode_mp4([np.zeros((64, 64, 3), np.uint8)] * 3, fps=24)[4:8] == b"ftyp"
