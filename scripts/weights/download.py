"""All files of a profile: what is there already, what is missing, fetched side by side, kept in the lock."""

import shutil
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path, PurePosixPath

from rich.progress import Progress

from configuration.lock import LOCK_NAME, Lock, LockedFile, read_lock, unfinished, write_lock
from models.weights.manifest import WeightSource
from scripts.weights.errors import DownloadError
from scripts.weights.resolve import Hub, Wanted, resolve
from scripts.weights.transfer import Transfer, content_of, hash_file, part_of
from scripts.weights.turns import Stopped, record, turn

SPARE_BYTES = 64 << 20  # left free on the disk


def is_complete(sources: Sequence[WeightSource], folder: Path) -> bool:
    """Whether a lock holds every file of the sources, and all are there; asks nobody, reads no content."""
    lock = read_lock(folder)
    names = {source.lands(file) for source in sources for file in source.files if not file.optional}
    return lock is not None and names <= set(lock.files) and not unfinished(folder, lock)


def check_sources(sources: Sequence[WeightSource], folder: Path) -> None:
    """Whether the folder holds no other repository's files beside those of one of the sources.

    Raises:
        DownloadError: It does; loaders would find a mixture.
    """
    lock = read_lock(folder)
    names = {source.name for source in sources}
    for source in sources:
        held = lock.files.items() if lock is not None else ()
        folders = {PurePosixPath(source.lands(file)).parent for file in source.files}
        others = {file.source for path, file in held if PurePosixPath(path).parent in folders} - names
        if others:
            raise DownloadError(
                f"{folder / source.folder} holds {', '.join(sorted(others))}, not {source.name}."
                f" Name another folder"
                f" with WEIGHTS_DIR or --folder, or remove {folder / source.folder} and {LOCK_NAME}."
            )


def download(
    profile: str,
    sources: Sequence[WeightSource],
    folder: Path,
    *,
    hub: Hub,
    transfer: Transfer,
    jobs: int,
    progress: Progress,
) -> None:
    """Makes the folder complete; what an earlier run fetched is kept.

    Raises:
        DownloadError: One file could not be fetched. The others' parts stay for the next run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted, lock = _agree(profile, sources, folder, hub)
    missing = _adopt(wanted, folder, lock)
    record(folder, profile, {name: entry for name, entry in lock.files.items() if entry.sha256 is not None})
    check_space(missing, folder)
    missing.sort(key=lambda file: not file.gated)  # a refusal is better known before the first gigabyte
    _fetch_all(missing, folder, lock, transfer=transfer, jobs=jobs, progress=progress)


def verify(folder: Path) -> list[str]:
    """Hashes every file against the lock; what differs is marked in it, to be fetched again.

    Returns:
        The files that are absent or differ.

    Raises:
        DownloadError: There is no lock.
    """
    lock = read_lock(folder)
    if lock is None:
        raise DownloadError(f"{folder} has no lock to verify against; run without --verify first")
    whole = set(lock.files) - set(unfinished(folder, lock))
    wrong = [
        name
        for name, file in lock.files.items()
        if name not in whole or hash_file(folder / name) != file.sha256
    ]
    for name in wrong:
        lock.files[name] = replace(lock.files[name], sha256=None)
    if wrong:
        record(folder, lock.profile, {name: lock.files[name] for name in wrong})
    return wrong


def check_space(missing: Sequence[Wanted], folder: Path) -> None:
    """Whether the disk has room for what is missing.

    Raises:
        DownloadError: It has not.
    """
    parts = [part_of(folder / file.lands, file) for file in missing]
    needed = sum(file.size for file in missing)
    needed -= sum(part.stat().st_size for part in parts if part.is_file())
    free = shutil.disk_usage(folder).free
    if needed and free < needed + SPARE_BYTES:
        raise DownloadError(
            f"no space: {needed / 1e9:.2f} GB are missing, {folder} has {free / 1e9:.2f} GB free."
            " Name a folder on another disk with WEIGHTS_DIR or --folder."
        )


def _agree(
    profile: str, sources: Sequence[WeightSource], folder: Path, hub: Hub
) -> tuple[list[Wanted], Lock]:
    """What is wanted, and the lock with it; the commits are those that another download wrote first."""
    while True:
        before = read_lock(folder)
        wanted = [file for source in sources for file in resolve(source, hub, before)]
        with turn(folder / LOCK_NAME):
            now = read_lock(folder)
            if _commits(now) != _commits(before):
                continue
            fresh = {file.lands: _entry(file, now) for file in wanted}
            others = {name: entry for name, entry in (now.files if now else {}).items() if name not in fresh}
            kept = {name: entry for name, entry in others.items() if (folder / name).is_file()}
            lock = Lock(profile=profile, files=kept | fresh)
            write_lock(folder, lock)
        return wanted, lock


def _commits(lock: Lock | None) -> set[tuple[str, str | None]]:
    return {(file.source, file.commit) for file in lock.files.values()} if lock is not None else set()


def _entry(file: Wanted, before: Lock | None) -> LockedFile:
    fresh = LockedFile(source=file.source, commit=file.commit, size=file.size)
    known = before.files.get(file.lands) if before is not None else None
    return known if known is not None and replace(known, sha256=None) == fresh else fresh


def _adopt(wanted: Sequence[Wanted], folder: Path, lock: Lock) -> list[Wanted]:
    """Locks the files that are there with the right content; returns the others."""
    pending = set(unfinished(folder, lock))
    missing: list[Wanted] = []
    for file in wanted:
        if file.lands not in pending:
            continue
        sha256 = content_of(folder / file.lands, file)
        lock.files[file.lands] = replace(lock.files[file.lands], sha256=sha256)
        if sha256 is None:
            missing.append(file)
    return missing


def _fetch_all(
    missing: Sequence[Wanted], folder: Path, lock: Lock, *, transfer: Transfer, jobs: int, progress: Progress
) -> None:
    total = progress.add_task("all files", total=sum(file.size for file in missing))

    def fetch(file: Wanted) -> None:
        if transfer.stop.is_set():
            raise Stopped
        bar = progress.add_task(file.lands, total=file.size)

        def advance(num_bytes: int) -> None:
            progress.advance(bar, num_bytes)
            progress.advance(total, num_bytes)

        sha256 = transfer.fetch(file, folder, advance)
        progress.remove_task(bar)
        record(folder, lock.profile, {file.lands: replace(lock.files[file.lands], sha256=sha256)})

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        try:
            futures = [pool.submit(fetch, file) for file in missing]
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            transfer.stop.set()
    _raise_first(futures)


def _raise_first(futures: Sequence[Future[None]]) -> None:
    errors = [error for future in futures if (error := future.exception()) is not None]
    told = [error for error in errors if not isinstance(error, Stopped)]
    if told:
        raise told[0]
