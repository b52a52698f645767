"""Folders that belong to one living process, and go when it goes.

A folder's name has a part that nobody knows before, only its owner may enter it, and the process holds a
lock on the folder itself: no file in it has to stay for that. A folder that nobody holds was left by a
process that died, and whoever starts next removes it.
"""

import fcntl
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

PREFIX = "fast-3d-miner"
MARK = "fast-3d-miner"  # a file that makes a folder of another name one of ours
FOREIGN_PREFIX = "bentoml-uds"  # what BentoML calls its folder of sockets
SHARED_MEMORY = Path("/dev/shm")
TEMPORARY = Path(tempfile.gettempdir())
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW

logger = logging.getLogger(__name__)


class OwnFolder:
    """A private folder of this process in `root`, made again when it disappears."""

    def __init__(self, root: Path) -> None:
        """Makes the folder, and removes what dead processes left in `root`.

        Raises:
            OSError: No private folder can be made there.
        """
        self._root = root
        self.path, self._lock = _create(root)
        remove_dead_folders(root)

    def ensure(self) -> Path:
        """The folder's path; of a new one where the old one is gone, or another one stands in its place.

        Raises:
            OSError: No private folder can be made.
        """
        if not _is_at(self._lock, self.path):
            old, lost = self._lock, self.path
            self.path, self._lock = _create(self._root)
            os.close(old)
            logger.warning("%s disappeared (a cleaner, a remount?); %s takes its place", lost, self.path)
        return self.path

    def close(self) -> None:
        """Removes the folder."""
        if _is_at(self._lock, self.path):
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def hold(folder: Path) -> None:
    """Marks a private folder that BentoML made as ours, until this process ends.

    Raises:
        OSError: There is no such folder.
    """
    _lock(os.open(folder, FOLDER_FLAGS))
    (folder / MARK).touch(mode=0o600)


def make_again(folder: Path) -> None:
    """Makes a folder whose name others of the service know and hold on to; one of them may have been first.

    Raises:
        OSError: It cannot be made, or somebody else did.
    """
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        _lock(os.open(folder, FOLDER_FLAGS))
    descriptor = os.open(folder, FOLDER_FLAGS)
    is_ours = _is_at(descriptor, folder)
    os.close(descriptor)
    if not is_ours:
        raise PermissionError(f"{folder} is somebody else's")


def use_scratch_folder() -> None:
    """Has this process's temporary files lie in a folder of its own, so that they go when it is killed.

    To be called again from time to time, because temporary folders are cleaned. What a compiler keeps for the
    next start stays outside.
    """
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(TEMPORARY / f"torchinductor_{os.getuid()}"))
    tempfile.tempdir = str(_scratch_folder().ensure())


@cache
def _scratch_folder() -> OwnFolder:
    return OwnFolder(TEMPORARY)


def remove_dead_folders(root: Path) -> None:
    """Removes folders of ours that no process holds."""
    for folder in _own_folders(root):
        with suppress(OSError):  # gone meanwhile, or on a file system that can't lock: left alone
            descriptor = os.open(folder, FOLDER_FLAGS)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)


def _own_folders(root: Path) -> Iterator[Path]:
    for pattern, mark in ((f"{PREFIX}-{os.getuid()}-*", ""), (f"{FOREIGN_PREFIX}-*", MARK)):
        for folder in root.glob(pattern):
            with suppress(OSError):
                found = folder.lstat()
                if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and (folder / mark).exists():
                    yield folder


def _create(root: Path) -> tuple[Path, int]:
    root.mkdir(parents=True, exist_ok=True)
    while True:
        path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}-{os.getuid()}-", dir=root))
        descriptor = _lock(os.open(path, FOLDER_FLAGS))
        if _is_at(descriptor, path):
            return path, descriptor
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        os.close(descriptor)
        if mode & 0o077:
            path.rmdir()
            raise PermissionError(f"folders in {root} cannot be kept private: they get the mode {mode:o}")
        # else somebody who cleaned up held it first


def _lock(descriptor: int) -> int:
    with suppress(OSError):  # a file system that can't: then nobody takes the folder for a dead one either
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the open folder is the one at `path`, and still nobody else's."""
    held = os.fstat(descriptor)
    try:
        found = path.lstat()
    except OSError:
        return False
    is_private = found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) & 0o077 == 0
    return is_private and (found.st_dev, found.st_ino) == (held.st_dev, held.st_ino)
