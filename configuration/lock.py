"""The lock of a downloaded weights folder: what belongs in it, from which commit, with which content.

`scripts/download_weights.py` writes it before the first byte, with sizes, and adds each file's sha256 once
its content was checked. So a folder whose lock has a file without sha256 is half a download.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

LOCK_NAME = "weights.lock.json"
MAX_NAMED = 3


class LockError(ValueError):
    """The lock cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFile:
    """One file.

    Attributes:
        source: Repository or address it came from.
        commit: The repository's commit, none for a plain address.
        size: Bytes.
        sha256: Of its content; none until it was downloaded and checked.
    """

    source: str
    commit: str | None
    size: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """All files by their path in the weights folder, for one profile."""

    profile: str
    files: dict[str, LockedFile]


def read_lock(folder: Path) -> Lock | None:
    """The lock of a weights folder, none where there is none.

    Raises:
        LockError: It is damaged.
    """
    path = folder / LOCK_NAME
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        files = {name: LockedFile(**entry) for name, entry in content["files"].items()}
        return Lock(profile=str(content["profile"]), files=files)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LockError(f"{path} is damaged ({error}); remove it and download again") from error


def write_lock(folder: Path, lock: Lock) -> None:
    """Writes the lock in one step: a reader sees the old one or the new one."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{LOCK_NAME}.new"
    fresh.write_text(json.dumps(asdict(lock), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(fresh, folder / LOCK_NAME)


def unfinished(folder: Path, lock: Lock) -> list[str]:
    """Files that are absent, of another size, or were never checked; reads no content."""
    return [
        name for name, file in lock.files.items() if file.sha256 is None or not _fits(folder / name, file)
    ]


def refusal(folder: Path) -> str | None:
    """Why a folder with a lock cannot be used, none where it can or has no lock."""
    try:
        lock = read_lock(folder)
    except LockError as error:
        return str(error)
    wrong = unfinished(folder, lock) if lock is not None else []
    if lock is None or not wrong:
        return None
    named = ", ".join(wrong[:MAX_NAMED]) + (", ..." if len(wrong) > MAX_NAMED else "")
    return f"half a download, {len(wrong)} of {len(lock.files)} files are not whole: {named}"


def _fits(path: Path, file: LockedFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size
