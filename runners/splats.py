"""Reading a handed-over PLY for rendering."""

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from runners.formats import Frame, Wanted
from runners.handover import AbandonedError

if TYPE_CHECKING:
    from models.gaussians.gaussians import Gaussians
    from runners.uploads import Sound
    from validation.gates import Rejection


def identity_of(ply: str) -> tuple[int, ...]:
    """What tells a reserved file's contents from those of all others.

    Raises:
        AbandonedError: The reservation is gone.
    """
    with _reserved(ply) as file:
        status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def read_bytes(ply: str) -> bytes:
    """A reserved file's bytes.

    Raises:
        AbandonedError: The reservation is gone.
    """
    with _reserved(ply) as file:
        return file.read()


def rewritten_ply(data: bytes, frame: Literal["validator", "standard"], wanted: Wanted) -> bytes:
    """A PLY in the frame and size that are wanted, with all other values to the last bit."""
    from export.ply import turned_ply

    return turned_ply(data, source=frame, target=wanted.frame, factor=wanted.factor)


def read_splats(ply: str, *, frame: Literal["validator", "standard"], device: str) -> "Gaussians":
    """The splats of a reserved file in "validator" space (+Y up, front +Z), which the cameras use.

    Args:
        ply: The file.
        frame: The frame it was written in.
        device: Where the splats are wanted.

    Raises:
        AbandonedError: The reservation is gone.
        PlyFormatError: The file is no splat PLY.
    """
    from export.ply import read_ply
    from models.gaussians.frames import rotate_frame

    with _reserved(ply) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as data:
        splats = read_ply(data, device=device)
    return rotate_frame(splats, source=frame, target="validator")


def look_at_reserved(ply: str, *, frame: Frame, device: str, min_splats: int) -> "Sound | Rejection":
    """`runners.uploads.look_at` of a reserved file.

    Raises:
        AbandonedError: The reservation is gone.
    """
    from runners.uploads import look_at

    with _reserved(ply) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as data:
        return look_at(data, frame=frame, device=device, min_splats=min_splats)


@contextmanager
def _reserved(ply: str) -> Iterator[BufferedReader]:
    """A reserved file that was written, open."""
    try:
        file = Path(ply).open("rb")  # noqa: SIM115 (closed below)
    except FileNotFoundError as error:
        raise AbandonedError("the request was given up") from error
    with file:
        if os.fstat(file.fileno()).st_size == 0:
            raise AbandonedError("the reserved file is empty")
        yield file
