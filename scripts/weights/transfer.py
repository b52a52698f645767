"""One file's bytes: resumed after a dropped connection, checked against its hash, then moved into place.

The hub's client throws a partial file away when a connection breaks, which is a pity at 10 GB; so bytes go
through httpx here, into `<name>.<hash>.part` beside the target, and a later run goes on where this one
ended.
"""

import hashlib
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from runners.shortages import is_out_of_space
from scripts.weights.errors import DownloadError, NoNetworkError
from scripts.weights.resolve import SHA256_DIGITS, Wanted, gated_message
from scripts.weights.turns import Stopped, turn

CHUNK_BYTES = 1 << 20
AGAIN = frozenset({408, 429, 500, 502, 503, 504})
REFUSED = frozenset({401, 403})
RETRY_PAUSE_SECONDS = 2.0

Advance = Callable[[int], None]


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
        """Brings a file into the weights folder, unless another download does so first.

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
            with turn(part, self.stop):
                sha256 = content_of(target, wanted) or _from_cache(wanted, part, target)
                if sha256 is not None:
                    advance(wanted.size)
                    return sha256
                return self._from_network(wanted, part, target, advance)
        except OSError as error:
            if is_out_of_space(error):
                raise DownloadError(f"no space left for {wanted.lands}; what was fetched is kept") from error
            raise DownloadError(f"cannot write {wanted.lands}: {error}") from error

    def _from_network(self, wanted: Wanted, part: Path, target: Path, advance: Advance) -> str:
        if _size(part) > wanted.size:
            part.unlink()
        for begun in (_size(part), 0):
            self._complete(wanted, part, advance)
            sha256 = content_of(part, wanted)
            if sha256 is not None:
                os.replace(part, target)
                return sha256
            part.unlink()
            advance(-wanted.size)
            if not begun:  # what an earlier run left was not to blame
                break
        raise DownloadError(
            f"hash mismatch: the download of {wanted.lands} is not the published content ({wanted.digest})."
            " It was not kept; run again"
        )

    def _complete(self, wanted: Wanted, part: Path, advance: Advance) -> None:
        advance(_size(part))
        failures = 0
        while (have := _size(part)) < wanted.size:
            if self.stop.is_set():
                raise Stopped
            try:
                trouble = self._stream(wanted, part, advance)
            except httpx.RequestError as error:
                trouble = f"{type(error).__name__} {error}".strip()
            if trouble is None:
                continue
            failures = 1 if _size(part) > have else failures + 1
            if failures >= self.attempts:
                raise NoNetworkError(
                    f"no network, or a failing server: {wanted.lands} stopped at {_size(part)}"
                    f" of {wanted.size} bytes"
                    f" ({trouble})."
                    " Run again to go on from there."
                )
            self.stop.wait(self.pause_seconds * 2 ** (failures - 1))

    def _stream(self, wanted: Wanted, part: Path, advance: Advance) -> str | None:
        """Appends what the server sends; what went wrong if another try may help."""
        have = _size(part)
        headers = {"accept-encoding": "identity", "range": f"bytes={have}-"}
        if wanted.token is not None:
            headers["authorization"] = f"Bearer {wanted.token}"
        with self.client.stream("GET", wanted.url, headers=headers) as reply:
            if reply.status_code in AGAIN:
                return f"the server answered {reply.status_code}"
            if reply.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and have:
                part.unlink()  # the server's file is shorter than what came before: from the start, then
                advance(-have)
                return "the server answered 416"
            self._check(reply, wanted)
            resumed = reply.status_code == httpx.codes.PARTIAL_CONTENT
            if not resumed:
                advance(-have)
            with part.open("ab" if resumed else "wb") as file:
                for chunk in reply.iter_raw():
                    file.write(chunk)
                    advance(len(chunk))
                    if file.tell() > wanted.size:
                        break
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
    version = wanted.digest or wanted.commit or ""
    return target.with_name(f"{target.name}.{version[:12]}.part")


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
    """The file's sha256 if its size and content are the wanted ones, as far as these are known."""
    if _size(path) != wanted.size:
        return None
    sha256 = hash_file(path)
    digest = wanted.digest
    if digest is None:  # nobody says, so the copy is taken for the published content
        digest = hash_file(wanted.cached) if wanted.cached not in (None, path) else sha256
    found = sha256 if len(digest) == SHA256_DIGITS else hash_file(path, "git")
    return sha256 if found == digest else None


def _from_cache(wanted: Wanted, part: Path, target: Path) -> str | None:
    """The sha256 of the copy in the hub's cache, now in place too; None where the network must bring it.

    The cache is never written to, and a part never shares its bytes: appending to the one would spoil the
    other.

    Raises:
        DownloadError: The copy has other content than the published one, and there is no network.
    """
    if wanted.cached is None:
        return None
    sha256 = content_of(wanted.cached, wanted)
    if sha256 is None and wanted.url:
        print(
            f"{wanted.cached} is not the published content; {wanted.lands} is fetched instead",
            file=sys.stderr,
        )
        return None
    if sha256 is None:
        raise DownloadError(
            f"hash mismatch: the hub's cache ({wanted.cached}) of {wanted.lands} is not the published content"
            f" ({wanted.digest}). It was not taken; run again with a network to fetch the file"
        )
    copy = part.with_suffix(".copy")
    copy.unlink(missing_ok=True)
    try:
        os.link(wanted.cached.resolve(), copy)
    except OSError:  # another file system
        shutil.copyfile(wanted.cached, copy)
    os.replace(copy, target)
    return sha256


def _continues(reply: httpx.Response, size: int) -> bool:
    """Whether the answer begins where asked, in a file of the right size; it may bring less than all."""
    asked: str = reply.request.headers["range"].removeprefix("bytes=").removesuffix("-")
    answered = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", reply.headers.get("content-range", ""))
    return answered is not None and answered[1] == asked and answered[2] in ("*", str(size))


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
