"""HTTP by hand: what no client library would send."""

import socket
import time
from dataclasses import dataclass
from http.client import HTTPResponse
from urllib.parse import urlsplit


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back.

    Attributes:
        status: Of the answer.
        headers: By lower-case name.
        body: Its bytes.
        whole: Whether as many came as the answer declared.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool


def connect(url: str, seconds: float = 30) -> socket.socket:
    """A connection to a service."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=seconds)


def read_reply(link: socket.socket, method: str = "POST") -> Reply:
    """One answer."""
    response = HTTPResponse(link, method=method)
    response.begin()
    body = response.read() if response.length is None else response.read1(0)
    declared = response.length
    while declared:
        piece = response.read1(2**16)
        if not piece:
            break
        body += piece
    headers = {name.lower(): value for name, value in response.getheaders()}
    whole = declared is None or len(body) == declared
    return Reply(status=response.status, headers=headers, body=body, whole=whole)


def ask(url: str, request: bytes, *, half_close: bool = False, method: str = "POST") -> Reply:
    """The answer to the bytes of one request."""
    with connect(url) as link:
        link.sendall(request)
        if half_close:
            link.shutdown(socket.SHUT_WR)
        return read_reply(link, method)


def form(body: bytes, *, path: bytes = b"/generate", head: bytes = b"") -> bytes:
    """A request as the miner's client sends it, with more lines in its head."""
    kind = b"" if b"content-type:" in head.lower() else b"Content-Type: application/x-www-form-urlencoded\r\n"
    size = b"Content-Length: %d\r\n" % len(body)
    return b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + kind + head + size + b"\r\n" + body


def seconds_until_closed(link: socket.socket, patience: float) -> tuple[float, bytes]:
    """How long a connection stays open while this end is silent, and what comes meanwhile."""
    started, received = time.monotonic(), b""
    link.settimeout(patience)
    try:
        while piece := link.recv(2**16):
            received += piece
    except ConnectionResetError:
        pass
    return time.monotonic() - started, received
