"""Files in shared memory: only while somebody waits for them."""

import errno
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from runners.handover import (
    AbandonedError,
    Handover,
    HandoverError,
    LostFilesError,
    NoRoomError,
    fill,
    make_room,
)


def test_a_filled_reservation_is_read_and_then_gone(tmp_path: Path) -> None:
    handover = Handover(tmp_path)
    with handover.reserve() as files:
        fill(str(files.ply), b"splats")
        assert files.ply.read_bytes() == b"splats"
    assert not files.ply.exists()
    handover.close()
    assert list(tmp_path.iterdir()) == []


def test_another_reservations_files_take_the_place_of_ones_own(tmp_path: Path) -> None:
    handover = Handover(tmp_path)
    with handover.reserve() as first:
        with handover.reserve() as second:
            for file in second.files:
                fill(str(file), file.suffix.encode())
            first.take_over(second)
            assert not any(file.exists() for file in second.files)
        contents = [file.read_bytes() for file in (first.ply, first.latents, first.mesh)]
        assert contents == [b".ply", b".latents", b".mesh"]
    handover.close()
    assert list(tmp_path.iterdir()) == []


def test_room_that_is_too_large_leaves_nothing_behind_what_is_filled_in(tmp_path: Path) -> None:
    handover = Handover(tmp_path)
    content = os.urandom(5_000_000)
    with handover.reserve() as files:
        make_room(str(files.ply), 8_000_000)
        assert files.ply.stat().st_blocks * 512 >= 8_000_000
        fill(str(files.ply), content[:100], memoryview(content)[100:])
        assert files.ply.read_bytes() == content
        assert files.ply.stat().st_blocks * 512 < 6_000_000
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
    with handover.reserve() as files:
        make_room(str(files.ply), 8_000_000)
        make_room(str(files.ply), 8_000_000)
        assert files.ply.stat().st_size == 0
        fill(str(files.ply), b"splats")
        assert files.ply.read_bytes() == b"splats"
    handover.close()
    assert caplog.text.count(os.strerror(reason)) == 1


def test_a_reservation_that_was_given_up_is_not_filled(tmp_path: Path) -> None:
    handover = Handover(tmp_path)
    with pytest.raises(RuntimeError), handover.reserve() as files:
        raise RuntimeError
    make_room(str(files.ply), 100)
    with pytest.raises(AbandonedError):
        fill(str(files.ply), b"splats")
    assert not files.ply.exists()
    handover.close()


def test_a_folder_that_disappears_is_made_again(tmp_path: Path) -> None:
    def lose() -> None:
        shutil.rmtree(handover.folder)
        raise RuntimeError

    handover = Handover(tmp_path)
    with pytest.raises(LostFilesError), handover.reserve():
        lose()
    with handover.reserve() as files:
        fill(str(files.ply), b"splats")
        assert files.ply.read_bytes() == b"splats"
    handover.close()
    assert list(tmp_path.iterdir()) == []


def test_a_failure_of_the_request_itself_stays_what_it_is(tmp_path: Path) -> None:
    handover = Handover(tmp_path)
    with pytest.raises(ZeroDivisionError), handover.reserve():
        raise ZeroDivisionError
    handover.close()


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_and_the_file_gives_its_room_back(
    reason: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, piece: memoryview, offset: int) -> int:
        raise OSError(reason, os.strerror(reason))

    handover = Handover(tmp_path)
    with handover.reserve() as files:
        make_room(str(files.ply), 1_000_000)
        monkeypatch.setattr(os, "pwrite", refuse)
        with pytest.raises(NoRoomError, match="full"):
            fill(str(files.ply), b"splats")
        assert files.ply.stat().st_size == 0
    handover.close()


def test_a_folder_that_cannot_be_made_again_is_said(tmp_path: Path) -> None:
    root = tmp_path / "root"
    handover = Handover(root)
    shutil.rmtree(root)
    root.touch()
    with pytest.raises(HandoverError, match=str(root)), handover.reserve():
        pass
    assert str(root) in (handover.lack_of_room() or "")
    handover.close()


def test_links_in_place_of_files_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    handover = Handover(tmp_path / "root")
    with handover.reserve() as files:
        files.ply.unlink()
        files.ply.symlink_to(tmp_path / "precious")
        make_room(str(files.ply), 100)
        with pytest.raises(AbandonedError):
            fill(str(files.ply), b"splats")
    assert (tmp_path / "precious").read_bytes() == b"precious"
    handover.close()


def test_too_little_room_is_known_before_a_request_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    room = 2**30
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=room, f_frsize=1))
    handover = Handover(tmp_path)
    assert handover.lack_of_room() is None
    with handover.reserve() as files:
        fill(str(files.ply), bytes(20_000_000))  # the largest object so far
        room = 1_000_000
        assert handover.lack_of_room() is None  # which is there with what it leaves
    lack = handover.lack_of_room() or ""
    assert lack.startswith(f"{tmp_path} has room for 1.0 MiB")
    assert "19.1" in lack
    handover.close()
    Handover(tmp_path).close()
    assert "1.0 MiB" in caplog.text
