"""Files inside the calls, for a gateway and runners on hosts that share no memory.

    gateway: packed(job)    the files that a job reads travel in it
    runner:  landed(jobs)   they lie in a folder of the runner's for as long as the batch is in work, beside
                            empty ones for what it writes; collected(...) puts those into the results
    gateway: unpacked(...)  and they end in the reservation, as if the runner had filled it

So runners work on files either way. What they can't see from another host is that a request was given up:
its work goes on to its end.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from runners.addresses import is_loopback
from runners.handover import fill, handover_root
from runners.jobs import Job, Result
from runners.life.folders import OwnFolder

J = TypeVar("J", bound=Job)
R = TypeVar("R", bound=Result)


def is_inline(setting: Literal["files", "inline", "auto"], address: str | None) -> bool:
    """Whether files travel inside the calls to a runner.

    Args:
        setting: `services.gateway.handover`.
        address: Of the runner; None for one in this process.
    """
    if setting != "auto":
        return setting == "inline"
    if address is None:
        return False
    parts = urlsplit(address)
    return parts.scheme in ("http", "https", "tcp") and not is_loopback(parts.hostname or "")


def packed(job: J) -> J:
    """A job with the content of the files it reads.

    Raises:
        FileNotFoundError: One is gone, and so its request.
    """
    if job.noop:
        return job
    content = {name: Path(getattr(job, name)).read_bytes() for name in job.reads}
    return job.model_copy(update={"files": content, "reservation": None})


def unpacked(job: Job, result: R) -> R:
    """A result whose files have been written where the job wants them.

    Raises:
        AbandonedError: The request was given up meanwhile.
    """
    for name, content in result.files.items():
        fill(getattr(job, name), content)
    return result.model_copy(update={"files": {}})


@contextmanager
def landed(jobs: Sequence[J], setting: Callable[[], str]) -> Iterator[list[J]]:
    """The jobs, with the names of local files instead of content; the files last as long as the block.

    Args:
        jobs: A batch; those that name files of this host stay as they are.
        setting: Gives `services.gateway.handover_folder` of this host.
    """
    if all(job.files is None for job in jobs):
        yield list(jobs)
        return
    folder = OwnFolder(handover_root(setting()))
    try:
        yield [
            job if job.files is None else _local(job, job.files, folder.path / str(number))
            for number, job in enumerate(jobs)
        ]
    finally:
        folder.close()


def _local(job: J, content: Mapping[str, bytes], stem: Path) -> J:
    names = {name: stem.with_suffix(f".{name}") for name in (*job.reads, *job.writes)}
    for name, file in names.items():
        file.touch(mode=0o600)
        fill(str(file), content.get(name, b""))
    return job.model_copy(update={name: str(file) for name, file in names.items()})


def collected(job: Job, result: R) -> R:
    """The result of a job that landed, with what was written for it."""
    if job.files is None or result.failure is not None:
        return result
    files = {name: Path(getattr(job, name)).read_bytes() for name in job.writes}
    return result.model_copy(update={"files": files})
