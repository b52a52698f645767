"""One file's bytes: resumed after a dropped connection, checked against its hash, then moved into place.

The hub's client throws a partial file away when a connection breaks, which is a pity at 10 GB; so bytes go through
httpx here, into `<name>.<hash>.part` beside the target, and a later run goes on where this one ended.
"""

import errno
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from scripts.weights.errors import DownloadError, NoNetworkError
from scripts.weights.resolve import SHA256_DIGITS, Wanted, gated_message

CHUNK_BYTES = 1 << 20
AGAIN = frozenset({408, 429, 500, 502, 503, 504})
REFUSED = frozenset({401, 403})
RETRY_PAUSE_SECONDS = 2.0

Advance = Callable[[int], None]


class Stopped(Exception):  # noqa: N818
    """Another file failed; this one's part stays for the next run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """How files are fetched.

    Attributes:
        client: Follows redirects; drops the token when one leads to another host.
        endpoint: The hub's address, for messages.
        stop: Set to end all transfers.
        attempts: Tries in a row that bring no byte before giving up.
        pause_seconds: Before the second try; doubled at each further one.
    """

    client: httpx.Client
    endpoint: str
    stop: threading.Event
    attempts: int = 5
    pause_seconds: float = RETRY_PAUSE_SECONDS

    def fetch(self, wanted: Wanted, folder: Path, advance: Advance) -> str:
        """Brings a file into the weights folder.

        Args:
            wanted: What.
            folder: The weights folder.
            advance: Told of bytes gained (negative: lost).

        Returns:
            The sha256 of its content, which is the expected one.

        Raises:
            DownloadError: Refused, no network, no space, or wrong content.
            Stopped: `stop` was set.
        """
        target = folder / wanted.lands
        part = part_of(target, wanted)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if wanted.cached is not None:
                _copy(wanted.cached, part)
                advance(wanted.size)
            else:
                self._complete(wanted, part, advance)
            return _accept(wanted, part, target)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DownloadError(f"no space left for {wanted.lands}; what was fetched is kept") from error
            raise DownloadError(f"cannot write {wanted.lands}: {error}") from error

    def _complete(self, wanted: Wanted, part: Path, advance: Advance) -> None:
        advance(_size(part))
        failures = 0
        while (have := _size(part)) < wanted.size:
            if self.stop.is_set():
                raise Stopped
            try:
                trouble = self._stream(wanted, part, advance)
            except httpx.TransportError as error:
                trouble = f"{type(error).__name__} {error}".strip()
            if trouble is None:
                continue
            failures = 1 if _size(part) > have else failures + 1
            if failures >= self.attempts:
                raise NoNetworkError(
                    f"no network, or a failing server: {wanted.lands} stopped at {_size(part)} of {wanted.size} bytes"
                    f" ({trouble})."
                    " Run again to go on from there."
                )
            time.sleep(self.pause_seconds * 2 ** (failures - 1))

    def _stream(self, wanted: Wanted, part: Path, advance: Advance) -> str | None:
        """Appends what the server sends; what went wrong if another try may help."""
        have = _size(part)
        headers = {"accept-encoding": "identity", "range": f"bytes={have}-"}
        if wanted.token is not None:
            headers["authorization"] = f"Bearer {wanted.token}"
        with self.client.stream("GET", wanted.url, headers=headers) as reply:
            if reply.status_code in AGAIN:
                return f"the server answered {reply.status_code}"
            self._check(reply, wanted)
            resumed = reply.status_code == httpx.codes.PARTIAL_CONTENT
            if not resumed:
                advance(-have)
            with part.open("ab" if resumed else "wb") as file:
                for chunk in reply.iter_raw():
                    file.write(chunk)
                    advance(len(chunk))
                    if self.stop.is_set():
                        raise Stopped
        return None if _size(part) >= wanted.size else "the connection ended early"

    def _check(self, reply: httpx.Response, wanted: Wanted) -> None:
        code = reply.status_code
        if code in REFUSED and (wanted.gated or reply.headers.get("x-error-code") == "GatedRepo"):
            raise DownloadError(gated_message(wanted.source, self.endpoint, wanted.token))
        if code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
            raise DownloadError(f"{wanted.lands}: {reply.url.host} answered {code}")
        if code == httpx.codes.PARTIAL_CONTENT and not _continues(reply, wanted.size):
            raise DownloadError(f"{wanted.lands}: {reply.url.host} sent another range than asked for")


def part_of(target: Path, wanted: Wanted) -> Path:
    """Where an unfinished file is kept; its content's hash in the name keeps versions apart."""
    return target.with_name(f"{target.name}.{wanted.digest[:12]}.part")


def hash_file(path: Path, kind: str = "sha256") -> str:
    """`sha256` of a file's content, or its `git` blob sha1."""
    digest = hashlib.sha256() if kind == "sha256" else hashlib.sha1(usedforsecurity=False)
    if kind == "git":
        digest.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def content_of(path: Path, wanted: Wanted) -> str | None:
    """The file's sha256 if its size and content are the wanted ones."""
    if _size(path) != wanted.size:
        return None
    sha256 = hash_file(path)
    found = sha256 if len(wanted.digest) == SHA256_DIGITS else hash_file(path, "git")
    return sha256 if found == wanted.digest else None


def _accept(wanted: Wanted, part: Path, target: Path) -> str:
    sha256 = content_of(part, wanted)
    if sha256 is None:
        part.unlink()
        where = f"the hub's cache ({wanted.cached})" if wanted.cached is not None else "the download"
        raise DownloadError(
            f"hash mismatch: {where} of {wanted.lands} is not the published content ({wanted.digest}). It was not kept;"
            " run again" + (", after removing it from the cache" if wanted.cached is not None else "")
        )
    os.replace(part, target)
    return sha256


def _copy(cached: Path, part: Path) -> None:
    part.unlink(missing_ok=True)
    try:
        os.link(cached.resolve(), part)
    except OSError:  # another file system
        shutil.copyfile(cached, part)


def _continues(reply: httpx.Response, size: int) -> bool:
    asked: str = reply.request.headers["range"].removeprefix("bytes=")
    answered: str = reply.headers.get("content-range", "")
    return answered == f"bytes {asked}{size - 1}/{size}"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
