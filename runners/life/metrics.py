"""Where the processes of one service keep their metrics, which files in memory carry from each to all.

The folder is the service's own: BentoML's, in its home, is cleared by every other service that starts. Files
get their room when they are made; without, a full file system would kill the process that counts (SIGBUS).
"""

import logging
import os
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

import prometheus_client.values
import psutil
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import mark_process_dead

from runners.life.folders import SHARED_MEMORY, TEMPORARY, OwnFolder, make_again, use_scratch_folder

METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
MIN_FREE_BYTES = 2**24  # some 20 files of 64 KiB, and what others take meanwhile
FILE_BYTES = 2**16  # prometheus_client's own choice, doubled when it is full
KEY_MARGIN_BYTES = 64
LOOK_SECONDS = 2.0

logger = logging.getLogger(__name__)


class MetricsFolder:
    """The supervisor's side: an empty folder, which goes with the service unless the operator named it."""

    def __init__(self) -> None:
        """Makes the folder.

        Raises:
            OSError: It cannot be made.
        """
        named = os.environ.get(METRICS_VARIABLE, "")
        self._own = None if named else OwnFolder(_root())
        self.path = Path(named) if self._own is None else self._own.path
        self.path.mkdir(parents=True, exist_ok=True)
        for file in self.path.glob("*.db"):
            file.unlink()

    def close(self) -> None:
        """Removes the folder."""
        if self._own is not None:
            self._own.close()


def _root() -> Path:
    if os.access(SHARED_MEMORY, os.W_OK):
        found = os.statvfs(SHARED_MEMORY)
        if found.f_bavail * found.f_frsize >= MIN_FREE_BYTES:
            return SHARED_MEMORY
    return TEMPORARY


class RoomyDict(MmapedDict):
    """A file of values whose room is there before it is written."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        """Opens or makes the file; where there is no room for it the values stay in this process."""
        if not read_mode:
            filename = _with_room(filename)
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        if self._used + len(key.encode()) + KEY_MARGIN_BYTES > self._capacity:
            os.posix_fallocate(self._f.fileno(), 0, 2 * self._capacity)
        super()._init_value(key)  # type: ignore[no-untyped-call]


def _with_room(filename: str) -> str:
    try:
        with open(filename, "ab") as file:
            os.posix_fallocate(file.fileno(), 0, FILE_BYTES)
    except OSError as error:
        logger.warning("%s: this process's values are missing in /metrics: %s", filename, error.strerror)
        Path(filename).unlink(missing_ok=True)
        return f"/proc/self/fd/{os.memfd_create('metrics')}"
    return filename


def reserve_room() -> None:
    """Has prometheus_client make its files with room; to be called before the first metric is made.

    Where the system has no call for it (macOS) files grow when they are written.
    """
    if hasattr(os, "posix_fallocate"):
        prometheus_client.values.MmapedDict = RoomyDict  # type: ignore[attr-defined]


@cache
def look_after_folders() -> None:
    """Keeps the metrics true in the background: the dead have nothing in work; makes lost folders again.

    Does nothing in a process whose metrics do not lie in files. Several stages in one process ask once.
    """
    if METRICS_VARIABLE in os.environ and hasattr(prometheus_client.values.ValueClass, "close_all_files"):
        folder = Path(os.environ[METRICS_VARIABLE])
        forget_the_dead(folder)
        threading.Thread(target=_look, args=(folder,), name="metrics", daemon=True).start()


def _look(folder: Path) -> None:
    while True:
        time.sleep(LOOK_SECONDS)
        try:
            if not all(Path(file._fname).exists() for file in list(_inside("files").values())):
                logger.warning("%s disappeared (a cleaner, a remount?) and is made again", folder)
                make_again(folder)
                _write_again()
            forget_the_dead(folder)
            use_scratch_folder()
        except OSError:
            logger.exception("the folders of this process cannot be looked after")


def _inside(name: str) -> Any:
    """A variable of prometheus_client that its values share: `lock`, `files` or `values`."""
    values = prometheus_client.values.ValueClass
    for method in (values.__init__, values._MmapedValue__reset):
        cells = dict(zip(method.__code__.co_freevars, method.__closure__, strict=True))
        if name in cells:
            return cells[name].cell_contents
    raise AttributeError(name)


def _write_again() -> None:
    """Writes all of this process's values to new files, as prometheus_client does after a fork."""
    with _inside("lock"):
        files = _inside("files")
        for file in files.values():
            file.close()
        files.clear()
        for value in _inside("values"):
            kept = value._value
            value._MmapedValue__reset()
            value._value = kept
            value._file.write_value(value._key, kept, value._timestamp)


def forget_the_dead(folder: Path) -> None:
    """Removes what gauges of living processes say of processes that do not live any more."""
    for process in {file.stem.rpartition("_")[2] for file in folder.glob("gauge_live*_*.db")}:
        if process.isdecimal() and not _is_sibling(int(process)):
            mark_process_dead(int(process), str(folder))


def _is_sibling(process: int) -> bool:
    """Whether it is this process or one that the same parent started, and alive; numbers are used again."""
    try:
        found = psutil.Process(process)
        return bool(found.ppid() == os.getppid() and found.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:  # gone, or another user's
        return False
