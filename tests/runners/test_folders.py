"""Private folders of one process: made again, swept when nobody holds them, never somebody else's."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runners.life.folders import MARK, PREFIX, OwnFolder, hold, make_again, remove_dead_folders


def test_a_folder_is_private_and_its_name_unknown_before(tmp_path: Path) -> None:
    first, second = OwnFolder(tmp_path), OwnFolder(tmp_path)
    assert first.path != second.path
    assert first.path.stat().st_mode & 0o777 == 0o700
    first.close()
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_a_living_processs_folder_stays_and_a_dead_ones_goes(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; from runners.life.folders import OwnFolder, hold;"
        "folder = OwnFolder(pathlib.Path(sys.argv[1])); (folder.path / 'file').touch();"
        "sockets = pathlib.Path(sys.argv[1], 'bentoml-uds-x'); sockets.mkdir(); hold(sockets);"
        "print(folder.path, flush=True); input()"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as living:
        assert living.stdout is not None
        path = Path(living.stdout.readline().strip())
        remove_dead_folders(tmp_path)
        assert (path / "file").exists()
        assert (tmp_path / "bentoml-uds-x").exists()
        living.kill()
    OwnFolder(tmp_path).close()
    assert list(tmp_path.iterdir()) == []


def test_only_folders_of_ours_are_removed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = tmp_path / "root"
    root.mkdir()
    (root / "bentoml-uds-other").mkdir()  # another BentoML service's
    (root / f"{PREFIX}-{os.getuid()}-file").touch()
    (root / f"{PREFIX}-{os.getuid()}-link").symlink_to(outside)
    (root / f"{PREFIX}-{os.getuid() + 1}-other").mkdir()
    remove_dead_folders(root)
    assert len(list(root.iterdir())) == 4
    assert outside.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_another_users_folder_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / f"{PREFIX}-{os.getuid()}-other"
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    remove_dead_folders(tmp_path)
    assert folder.exists()


@pytest.mark.parametrize("change", ["removed", "replaced", "linked", "opened"])
def test_a_folder_that_is_no_longer_ours_alone_is_made_again(change: str, tmp_path: Path) -> None:
    folder = OwnFolder(tmp_path / "root")
    old = folder.path
    if change == "opened":
        old.chmod(0o777)
    else:
        old.rmdir()
    if change == "replaced":
        old.mkdir(0o700)
    if change == "linked":
        old.symlink_to(tmp_path)
    assert folder.ensure() != old
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert folder.ensure() == folder.path
    folder.close()


def test_a_file_system_without_private_folders_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(prefix: str, dir: Path) -> str:
        made = dir / f"{prefix}x"
        made.mkdir()
        made.chmod(0o777)
        return str(made)

    monkeypatch.setattr("tempfile.mkdtemp", make)
    with pytest.raises(PermissionError, match="777"):
        OwnFolder(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_a_known_name_is_made_again_by_whoever_is_first(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    make_again(folder)
    make_again(folder)
    remove_dead_folders(tmp_path)
    assert folder.is_dir()
    shutil.rmtree(folder)
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(PermissionError, match="somebody else"):
        make_again(folder)


def test_temporary_files_of_a_killed_process_go(tmp_path: Path) -> None:
    program = (
        "import os, shutil, tempfile; from runners.life.folders import use_scratch_folder;"
        "use_scratch_folder(); tempfile.mkdtemp(); shutil.rmtree(tempfile.gettempdir());"
        "use_scratch_folder(); tempfile.mkdtemp(); os.kill(os.getpid(), 9)"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=False)
    assert len(list(tmp_path.rglob("tmp*"))) == 1
    remove_dead_folders(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_held_folder_is_marked(tmp_path: Path) -> None:
    hold(tmp_path)
    assert (tmp_path / MARK).exists()
