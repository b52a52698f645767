"""Files in shared memory: only while somebody waits for them."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runners.handover import (
    LOCK_NAME,
    PREFIX,
    AbandonedError,
    Handover,
    fill,
    gateway_is_gone,
    make_room,
    own_folder,
)


def test_a_filled_reservation_is_read_and_then_gone(tmp_path: Path) -> None:
    handover = Handover(tmp_path)
    with handover.reserve() as path:
        fill(str(path), b"splats")
        assert path.read_bytes() == b"splats"
    assert not path.exists()
    handover.close()
    assert list(tmp_path.iterdir()) == []


def test_room_that_is_too_large_leaves_nothing_behind_what_is_filled_in(tmp_path: Path) -> None:
    handover = Handover(tmp_path)
    content = os.urandom(5_000_000)
    with handover.reserve() as path:
        make_room(str(path), 8_000_000)
        assert path.stat().st_blocks * 512 >= 8_000_000
        fill(str(path), content[:100], memoryview(content)[100:])
        assert path.read_bytes() == content
        assert path.stat().st_blocks * 512 < 6_000_000
    handover.close()


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EOPNOTSUPP])
def test_where_no_room_can_be_made_files_are_filled_all_the_same(
    reason: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(descriptor: int, offset: int, length: int) -> None:
        os.ftruncate(descriptor, length // 2)
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    handover = Handover(tmp_path)
    with handover.reserve() as path:
        make_room(str(path), 8_000_000)
        make_room(str(path), 8_000_000)
        assert path.stat().st_size == 0
        fill(str(path), b"splats")
        assert path.read_bytes() == b"splats"
    handover.close()
    assert caplog.text.count(os.strerror(reason)) == 1


def test_a_reservation_that_was_given_up_is_not_filled(tmp_path: Path) -> None:
    handover = Handover(tmp_path)
    with pytest.raises(RuntimeError), handover.reserve() as path:
        raise RuntimeError
    make_room(str(path), 100)
    with pytest.raises(AbandonedError):
        fill(str(path), b"splats")
    assert not path.exists()
    handover.close()


def test_files_of_dead_services_are_removed_at_start_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    dead, living = (tmp_path / f"{PREFIX}-{os.getuid()}-{name}" for name in ("dead", "living"))
    for folder in (dead, living):
        folder.mkdir()
        (folder / "stale.ply").touch()
        (folder / LOCK_NAME).touch()
    hold = (
        "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_SH); print(flush=True); input()"
    )
    command = [sys.executable, "-c", hold, str(living / LOCK_NAME)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        handover = Handover(tmp_path)
        assert not dead.exists()
        assert (living / "stale.ply").exists()
        handover.close()
        holder.communicate(b"\n")


def test_own_leftovers_of_a_crash_are_removed_at_start(tmp_path: Path) -> None:
    own_folder(tmp_path).mkdir()
    stale = own_folder(tmp_path) / "stale.ply"
    stale.touch()
    handover = Handover(tmp_path)
    assert not stale.exists()
    handover.close()


def test_runners_see_whether_the_gateway_lives(tmp_path: Path) -> None:
    handover = Handover(tmp_path)
    folder = own_folder(tmp_path)
    assert not gateway_is_gone(folder)
    handover.close()
    assert gateway_is_gone(folder)
