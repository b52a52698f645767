"""Downloads of one folder that meet, or that were killed: nothing is spoilt, nothing fetched twice."""

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import SoftFileLease

from command_line.places import ROOT
from configuration.lock import Lock, LockedFile, read_lock
from models.weights.manifest import WeightSource
from scripts.weights import resolve as resolve_module
from scripts.weights import turns
from scripts.weights.resolve import Hub, Wanted
from scripts.weights.turns import record, turn
from tests.waiting import wait_for
from tests.weights.conftest import OPEN, Download
from tests.weights.hub import HubState

FLOW = "ckpts/flow.safetensors"


def ranges(hub: HubState) -> list[str | None]:
    return [asked for name, asked in hub.asked if name == FLOW]


def part_of_flow(folder: Path) -> int:
    return sum(part.stat().st_size for part in folder.rglob("flow*.part"))


def test_two_at_once_share_the_work(download: Download, hub: HubState, folder: Path) -> None:
    hub.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(download)
        wait_for(lambda: part_of_flow(folder) > 0)
        second = pool.submit(download)
        wait_for(lambda: len(hub.described) == 2)
        time.sleep(0.3)  # the second has come to the file by now, or comes later, which is as well
        hub.gate.set()
        assert (first.result(), second.result()) == (0, 0)
    assert ranges(hub) == ["bytes=0-"]
    assert download("--verify") == 0
    assert [path.name for path in folder.rglob("*") if path.suffix in (".part", ".lock", ".new")] == []


KILLED = """
import sys
from scripts.download_weights import main
from tests.weights.conftest import OPEN
main([], manifest=(OPEN,), pause_seconds=0.0)
"""


def test_one_that_was_killed_is_gone_on_with(
    download: Download, hub: HubState, folder: Path, tmp_path: Path
) -> None:
    hub.gate.clear()
    environment = {**os.environ, "HF_HUB_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", KILLED], cwd=ROOT, env=environment)
    wait_for(lambda: part_of_flow(folder) == 150_000)
    process.send_signal(signal.SIGKILL)
    process.wait()
    hub.gate.set()
    assert download() == 0
    assert ranges(hub) == ["bytes=0-", "bytes=150000-"]


def test_a_lock_from_a_machine_that_died_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "LEASE_SECONDS", 1.0)
    lease = SoftFileLease(tmp_path / "x.lock", lease_duration=1.0)
    lease.acquire()
    marker = (tmp_path / "x.lock").read_text()
    lease.release()

    foreign = marker.replace(socket.gethostname(), "another-pod")
    assert foreign != marker
    (tmp_path / "x.lock").write_text(foreign)
    begun = time.monotonic()
    with turn(tmp_path / "x"):
        assert time.monotonic() - begun > 0.9
    assert list(tmp_path.iterdir()) == []


def test_what_two_write_to_the_lock_is_all_there(tmp_path: Path) -> None:
    entry = LockedFile(source="s", commit="c", size=1, sha256="0" * 64)
    names = [f"file-{number}" for number in range(24)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: record(tmp_path, "24gb", {name: entry}), names))
    assert read_lock(tmp_path) == Lock(profile="24gb", files=dict.fromkeys(names, entry))


def test_downloads_of_other_files_keep_each_others_entries(download: Download, folder: Path) -> None:
    few = replace(OPEN, files=OPEN.files[:1])
    rest = replace(OPEN, files=OPEN.files[1:])
    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(lambda source: download(sources=(source,)), (few, rest)))
    assert codes == [0, 0]
    lock = read_lock(folder)
    assert lock is not None
    assert {OPEN.lands(file) for file in OPEN.files} == set(lock.files)
    assert all(file.sha256 for file in lock.files.values())


def test_a_push_between_two_does_not_mix_versions(
    download: Download, hub: HubState, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second asks for the branch before the first has written its lock, and is told of another commit."""
    ask, first_is_done = resolve_module.resolve, list[bool]()

    def slow(source: WeightSource, at: Hub, lock: Lock | None) -> list[Wanted]:
        found = ask(source, at, lock)
        if not first_is_done:
            first_is_done.append(True)
            hub.commit = "a" * 40
            assert download() == 0
        return found

    monkeypatch.setattr("scripts.weights.download.resolve", slow)
    assert download() == 0
    assert hub.described == ["main", "main", "a" * 40]
    lock = read_lock(folder)
    assert lock is not None
    assert {file.commit for file in lock.files.values()} == {"a" * 40}


def test_a_server_without_ranges_starts_over(download: Download, hub: HubState, folder: Path) -> None:
    hub.without_ranges.add(FLOW)
    hub.drops[FLOW] = 1
    assert download() == 0
    assert (folder / "image_to_3d" / FLOW).read_bytes() == hub.repositories["some/open"].files[FLOW]


@pytest.mark.parametrize("size", [150_000, 300_000, 300_001])
def test_a_part_that_went_bad_is_fetched_anew(
    size: int, download: Download, hub: HubState, folder: Path
) -> None:
    hub.dies_after[FLOW], hub.drops[FLOW] = 1, 1
    assert download() == 1
    (part,) = folder.rglob("flow*.part")
    part.write_bytes(bytes(size))
    hub.dies_after.clear()
    assert download() == 0
    assert ranges(hub)[-1] == "bytes=0-"
    assert download("--verify") == 0
