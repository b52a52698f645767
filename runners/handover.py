"""Handing large files from a runner to the gateway through memory.

The gateway reserves an empty file and passes its name; the runner fills it only if it still exists; the
gateway reads it and removes it, whatever happened. So a removed reservation also tells a runner that nobody
waits any more, and nothing is left behind when the gateway gave up before the runner was done.

All processes of one service share a folder named for their common parent. The gateway holds a lock in it for
as long as it lives: that tells runners when they may leave, and the next start which folders are left over
from the dead.
"""

import fcntl
import logging
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Literal

logger = logging.getLogger(__name__)

PREFIX = "fast-3d-miner"
LOCK_NAME = "gateway.lock"
SHARED_MEMORY = Path("/dev/shm")
SUFFIXES = (".ply", ".latents", ".mesh")
MIN_FREE_BYTES = 2**30
PIECE_BYTES = 2**22
WRITING_THREADS = 4


class AbandonedError(Exception):
    """The reservation is gone: its request was given up."""


def handover_root(setting: str | Literal["auto"]) -> Path:
    """The folder that holds the services' own folders."""
    if setting != "auto":
        return Path(setting)
    if SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free >= MIN_FREE_BYTES:
        return SHARED_MEMORY
    return Path(tempfile.gettempdir())


def own_folder(root: Path) -> Path:
    """The folder shared by this process and its siblings."""
    return root / f"{PREFIX}-{os.getuid()}-{os.getppid()}"


def make_room(reservation: str, num_bytes: int) -> None:
    """Has the kernel find memory for a reserved file, which costs more than `fill`'s copying.

    Meant to run beside the computing of what the file will hold. Where the reservation is gone nothing
    happens, `fill` says so; where memory is short, or the file system can't, the file stays empty.
    """
    with suppress(FileNotFoundError):
        descriptor = os.open(reservation, os.O_WRONLY)
        try:
            _allocate(descriptor, num_bytes)
        except OSError as error:
            os.ftruncate(descriptor, 0)
            _tell_once(Path(reservation).parent, os.strerror(error.errno or 0))
        finally:
            os.close(descriptor)


def _allocate(descriptor: int, num_bytes: int) -> None:
    """Where the system has no call for it (macOS), the file stays as it is: `fill` makes it grow."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, num_bytes)


@cache
def _tell_once(folder: Path, reason: str) -> None:
    logger.warning("files in %s are written without room made before: %s", folder, reason)


def fill(reservation: str, *parts: bytes | memoryview) -> None:
    """Writes a reserved file; large parts with several threads, because the kernel's copying takes longest.

    Raises:
        AbandonedError: The reservation is gone.
    """
    try:
        descriptor = os.open(reservation, os.O_WRONLY)
    except FileNotFoundError as error:
        raise AbandonedError("the request was given up") from error
    pieces, offset = list[tuple[memoryview, int]](), 0
    for part in parts:
        view = memoryview(part)
        pieces += [(view[i : i + PIECE_BYTES], offset + i) for i in range(0, len(view), PIECE_BYTES)]
        offset += len(view)
    try:
        with ThreadPoolExecutor(WRITING_THREADS) as pool:
            list(pool.map(lambda piece: _write_piece(descriptor, *piece), pieces))
        os.ftruncate(descriptor, offset)  # whatever `make_room` took beyond that
    finally:
        os.close(descriptor)


def _write_piece(descriptor: int, piece: memoryview, offset: int) -> None:
    while piece:
        written = os.pwrite(descriptor, piece, offset)
        piece, offset = piece[written:], offset + written


class Handover:
    """The gateway's side: makes reservations, and holds the lock until `close`."""

    def __init__(self, root: Path) -> None:
        """Opens the service's folder and removes what dead services left in `root`."""
        self._folder = own_folder(root)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(self._folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        if _try_lock(self._lock, fcntl.LOCK_EX):  # no sibling is alive: whatever lies here is stale
            for file in (f for f in self._folder.iterdir() if f.suffix in SUFFIXES):
                file.unlink(missing_ok=True)
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        _remove_dead_folders(root, keep=self._folder)

    @contextmanager
    def reserve(self) -> Iterator[Path]:
        """An empty .ply file, and beside it a .latents and a .mesh, that exist only inside the block."""
        path = self._folder / f"{uuid.uuid4().hex}.ply"
        files = [path.with_suffix(suffix) for suffix in SUFFIXES]
        for file in files:
            file.touch(mode=0o600, exist_ok=False)
        try:
            yield path
        finally:
            for file in files:
                file.unlink(missing_ok=True)

    @staticmethod
    def replace(ply: Path, better: Path) -> None:
        """The files of one reservation take the place of another's."""
        for suffix in SUFFIXES:
            better.with_suffix(suffix).replace(ply.with_suffix(suffix))

    def close(self) -> None:
        """Lets the runners leave; removes the folder if no sibling uses it."""
        if _try_lock(self._lock, fcntl.LOCK_EX):
            shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._lock)


def gateway_is_gone(folder: Path) -> bool:
    """Whether no gateway holds the folder's lock."""
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        return _try_lock(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, mode: int) -> bool:
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_dead_folders(root: Path, *, keep: Path) -> None:
    for folder in root.glob(f"{PREFIX}-{os.getuid()}-*"):
        if folder != keep and (folder / LOCK_NAME).exists() and gateway_is_gone(folder):
            shutil.rmtree(folder, ignore_errors=True)
