"""What the service of these tests allows, and what an operator can read of it."""

import socket
from pathlib import Path

import httpx

from tests.waiting import wait_for

PAGE = "https://page.example"
LIMITS = {"HEAD_SECONDS": "3", "BODY_SECONDS": "3", "SEND_STALL_SECONDS": "3", "IDLE_SECONDS": "4"}
SLACK_SECONDS = 20.0
MOST = 40


def log_of(log_file: Path, needle: str, *, begin: int = 0, seconds: float = 10) -> str:
    """The log from the byte `begin` on, once that holds `needle`."""

    def text() -> str:
        return log_file.read_bytes()[begin:].decode(errors="surrogateescape")

    wait_for(lambda: needle in text(), seconds, what=f"{needle!r} was not logged")
    return text()


def small_window(url: str) -> socket.socket:
    """A connection whose client takes little at once."""
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.settimeout(60)
    host, _, port = url.removeprefix("http://").partition(":")
    link.connect((host, int(port)))
    return link


def is_open(link: socket.socket) -> bool:
    """Whether the other end has not closed."""
    link.setblocking(False)
    try:
        return bool(link.recv(1))
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


def closed(url: str, reason: str) -> float:
    """How many connections the service says it cut for a reason."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    name = f'fast_3d_miner_closed_connections_total{{reason="{reason}"}} '
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))
