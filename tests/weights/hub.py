"""A stand-in for the hub on this machine: descriptions, redirects, ranges, gates, and faults on demand."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Event, Lock

from tests.stand_ins.http_server import StandIn, serving

COMMIT = "c" * 40
TOKEN = "a-token"
LFS_FROM_BYTES = 1000


@dataclass
class Repository:
    """Files by path; `gated` ones need TOKEN."""

    files: dict[str, bytes]
    gated: bool = False


def _open() -> Event:
    gate = Event()
    gate.set()
    return gate


@dataclass
class HubState:
    """What the stand-in serves, how it misbehaves, what it was asked.

    Attributes:
        drops: Path to how often its connection breaks half way.
        corrupt: Paths whose bytes are wrong.
        without_ranges: Paths that are always sent from the start.
        commit: Where the branch stands.
        gate: Closed, it holds every file of more than LFS_FROM_BYTES after its first half.
        busy: Path to how often it answers 503.
        dies_after: Path to the number of requests after which it answers 503 for ever.
        described: Revisions whose description was asked for.
        asked: Path and Range header of every request for bytes.
        tokens: Authorization headers seen where the bytes lie.
    """

    repositories: dict[str, Repository]
    drops: dict[str, int] = field(default_factory=dict)
    busy: dict[str, int] = field(default_factory=dict)
    dies_after: dict[str, int] = field(default_factory=dict)
    corrupt: set[str] = field(default_factory=set)
    without_ranges: set[str] = field(default_factory=set)
    commit: str = COMMIT
    gate: Event = field(default_factory=_open)
    described: list[str] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    guard: Lock = field(default_factory=Lock)

    def take(self, counters: dict[str, int], path: str) -> bool:
        """Whether one more fault is due."""
        with self.guard:
            counters[path] = counters.get(path, 0) - 1
            return counters[path] >= 0

    def is_dead(self, path: str) -> bool:
        """Whether the path was asked for too often."""
        return len([name for name, _ in self.asked if name == path]) > self.dies_after.get(path, 1000)


def description(name: str, repository: Repository, commit: str) -> dict[str, object]:
    """What the hub's API tells of a repository with blobs."""
    return {"id": name, "sha": commit, "siblings": [sibling(*item) for item in repository.files.items()]}


def sibling(path: str, content: bytes) -> dict[str, object]:
    """One file; large ones have a sha256, small ones only their git blob's sha1."""
    git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    told: dict[str, object] = {"rfilename": path, "size": len(content), "blobId": git}
    if len(content) >= LFS_FROM_BYTES:
        sha256 = hashlib.sha256(content).hexdigest()
        told["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 130}
    return told


@contextmanager
def served(state: HubState) -> Iterator[str]:
    """The stand-in's address."""

    class Handler(StandIn):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if found := re.fullmatch(r"/api/models/(.+)/revision/(.+)", path):
                state.described.append(found[2])
                self.describe(found[1], found[2])
            elif found := re.fullmatch(r"/(.+)/resolve/\w+/(.+)", path):
                self.redirect(found[1], found[2])
            elif found := re.fullmatch(r"/cdn/([^/]+/[^/]+)/(.+)", path):
                self.send_bytes(found[2], state.repositories[found[1]].files[found[2]])
            else:
                self.refuse(HTTPStatus.NOT_FOUND)

        def describe(self, name: str, revision: str) -> None:
            if name not in state.repositories:
                self.refuse(HTTPStatus.UNAUTHORIZED, "RepoNotFound")
                return
            commit = state.commit if revision == "main" else revision
            told = description(name, state.repositories[name], commit)
            self.answer(HTTPStatus.OK, json.dumps(told).encode())

        def redirect(self, name: str, path: str) -> None:
            if state.repositories[name].gated and self.headers["authorization"] != f"Bearer {TOKEN}":
                self.refuse(HTTPStatus.UNAUTHORIZED, "GatedRepo")
                return
            port = self.connection.getsockname()[1]
            # another host name: a token must not follow
            self.answer(HTTPStatus.FOUND, b"", {"location": f"http://localhost:{port}/cdn/{name}/{path}"})

        def send_bytes(self, path: str, content: bytes) -> None:
            with state.guard:
                state.asked.append((path, self.headers["range"]))
                state.tokens.add(self.headers["authorization"])
            if state.take(state.busy, path) or state.is_dead(path):
                self.refuse(HTTPStatus.SERVICE_UNAVAILABLE)
                return
            if path in state.corrupt:
                content = bytes(len(content))
            start = int((self.headers["range"] or "bytes=0-")[6:-1])
            if path in state.without_ranges:
                start = 0
            if start >= len(content):
                self.refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
                return
            body = content[start:]
            ranged = path not in state.without_ranges
            self.send_response(HTTPStatus.PARTIAL_CONTENT if ranged else HTTPStatus.OK)
            self.send_header("content-length", str(len(body)))
            if ranged:
                self.send_header("content-range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            if state.take(state.drops, path):
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
                return
            half = len(body) // 2 if len(body) > LFS_FROM_BYTES else 0
            self.wfile.write(body[:half])
            state.gate.wait()
            with suppress(ConnectionError):
                self.wfile.write(body[half:])

        def refuse(self, status: HTTPStatus, code: str = "") -> None:
            self.answer(status, b"{}", {"x-error-code": code, "x-error-message": status.phrase})

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"
