"""Handing large files from a runner to the gateway through memory.

The gateway reserves an empty file and passes its name; the runner fills it only if it still exists; the
gateway reads it and removes it, whatever happened. So a removed reservation also tells a runner that nobody
waits any more, and nothing is left behind when the gateway gave up before the runner was done.

Each gateway process has a folder of its own (`runners.life.folders`), which is made again when it disappears:
the requests in work then fail with a word for it, the next ones do not.
"""

import errno
import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from runners.life.folders import SHARED_MEMORY, TEMPORARY, OwnFolder
from runners.shortages import is_out_of_space

logger = logging.getLogger(__name__)

MIN_FREE_BYTES = 2**30
USUAL_OBJECT_BYTES = 6 * 2**20  # one of the embedded family, its mesh included; until a larger one was seen
MIB = 2**20
PIECE_BYTES = 2**22
WRITING_THREADS = 4
GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # the last: a link stands in the file's place
WRITE_FLAGS = os.O_WRONLY | os.O_NOFOLLOW
GIVEN_UP = "the request was given up"


class AbandonedError(Exception):
    """The reservation is gone: its request was given up."""


class HandoverError(Exception):
    """Files cannot be handed over now; the next request may succeed.

    Attributes:
        code: The word for it in an answer.
    """

    code = "no_handover"


class NoRoomError(HandoverError):
    """The file system of the hand-over folder is full."""

    code = "no_space"


class LostFilesError(HandoverError):
    """The hand-over folder disappeared while a request was in work."""

    code = "handover_lost"


def handover_root(setting: str | Literal["auto"]) -> Path:
    """The folder that holds the gateways' own folders."""
    if setting != "auto":
        return Path(setting)
    if SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free >= MIN_FREE_BYTES:
        return SHARED_MEMORY
    return TEMPORARY


def make_room(reservation: str, num_bytes: int) -> None:
    """Has the kernel find memory for a reserved file, which costs more than `fill`'s copying.

    Meant to run beside the computing of what the file will hold. Where the reservation is gone nothing
    happens, `fill` says so; where memory is short, or the file system can't, the file stays empty.
    """
    with suppress(AbandonedError):
        descriptor = _open(reservation)
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


def _open(reservation: str) -> int:
    try:
        return os.open(reservation, WRITE_FLAGS)
    except OSError as error:
        if error.errno not in GONE:
            raise
        raise AbandonedError(GIVEN_UP) from error


def fill(reservation: str, *parts: bytes | memoryview) -> None:
    """Writes a reserved file; large parts with several threads, because the kernel's copying takes longest.

    Raises:
        AbandonedError: The reservation is gone.
        NoRoomError: There is no room for the file, which then stays empty.
    """
    descriptor = _open(reservation)
    pieces, offset = list[tuple[memoryview, int]](), 0
    for part in parts:
        view = memoryview(part)
        pieces += [(view[i : i + PIECE_BYTES], offset + i) for i in range(0, len(view), PIECE_BYTES)]
        offset += len(view)
    try:
        with ThreadPoolExecutor(WRITING_THREADS) as pool:
            list(pool.map(lambda piece: _write_piece(descriptor, *piece), pieces))
        os.ftruncate(descriptor, offset)  # whatever `make_room` took beyond that
    except OSError as error:
        os.ftruncate(descriptor, 0)
        raise _explained(error, Path(reservation).parent.parent) from error
    finally:
        os.close(descriptor)


def _explained(error: OSError, root: Path) -> HandoverError:
    if is_out_of_space(error):
        return NoRoomError(f"{root}, where files are handed over, is full")
    return HandoverError(f"no files can be handed over in {root}: {error.strerror}")


def _write_piece(descriptor: int, piece: memoryview, offset: int) -> None:
    while piece:
        written = os.pwrite(descriptor, piece, offset)
        piece, offset = piece[written:], offset + written


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """The files of one request: empty at first, and there for as long as it waits.

    Attributes:
        ply: Takes the splats. Whether it exists tells runners whether anybody waits.
        latents: Takes the latents that a mesh is made of.
        mesh: Takes the surface decoded from them.
    """

    ply: Path
    latents: Path
    mesh: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return self.ply, self.latents, self.mesh

    def take_over(self, other: "Reservation") -> None:
        """Another reservation's files take the place of this one's."""
        for file, better in zip(self.files, other.files, strict=True):
            better.replace(file)


class Handover:
    """The gateway's side: makes reservations in a folder of its own."""

    def __init__(self, root: Path) -> None:
        """Opens the folder, and removes what dead services left in `root`.

        Raises:
            OSError: No private folder can be made there.
        """
        self._root = root
        self._folder = OwnFolder(root)
        self._object_bytes = 0  # the largest one seen
        lack = self.lack_of_room()
        if lack is not None:
            logger.warning("%s", lack)

    @property
    def folder(self) -> Path:
        """Where the files lie now."""
        return self._folder.path

    @contextmanager
    def reserve(self) -> Iterator[Reservation]:
        """Empty files that exist only inside the block.

        Raises:
            HandoverError: They cannot be made, or disappeared before the block failed.
        """
        made = self._make_files()
        try:
            yield made
        except Exception as error:
            if not all(file.exists() for file in made.files):
                raise LostFilesError(f"{made.ply.parent} disappeared with the request's files") from error
            raise
        finally:
            self._object_bytes = max(self._object_bytes, sum(map(_size, made.files)))
            for file in made.files:
                file.unlink(missing_ok=True)

    def _make_files(self) -> Reservation:
        try:
            folder, name = self._folder.ensure(), uuid.uuid4().hex
            made = Reservation(
                ply=folder / f"{name}.ply",
                latents=folder / f"{name}.latents",
                mesh=folder / f"{name}.mesh",
            )
            for file in made.files:
                file.touch(mode=0o600, exist_ok=False)
        except OSError as error:
            raise _explained(error, self._root) from error
        return made

    def lack_of_room(self) -> str | None:
        """Why not even one object's files fit, those of requests in work aside; None if they do."""
        needed = self._object_bytes or USUAL_OBJECT_BYTES
        try:
            found = os.statvfs(self._folder.ensure())
        except OSError as error:
            return str(_explained(error, self._root))
        room = found.f_bavail * found.f_frsize + sum(map(_size, self._folder.path.iterdir()))
        if room >= needed:
            return None
        return (
            f"{self._root} has room for {room / MIB:.1f} MiB, and one object's files take {needed / MIB:.1f}"
        )

    def close(self) -> None:
        """Removes the folder."""
        self._folder.close()


def _size(file: Path) -> int:
    with suppress(OSError):  # gone meanwhile
        return file.stat().st_size
    return 0
