"""A service started for as long as a script needs it."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

READY_SECONDS = 300.0
LEAVE_SECONDS = 150.0


@contextmanager
def local_service(port: int, log: Path) -> Iterator[str]:
    """Runs `bentoml serve` inside the block and gives its address once every runner is warm.

    Args:
        port: Where it listens on this machine.
        log: File that takes its output.

    Raises:
        SystemExit: The port is taken, or the service does not get ready.
    """
    if is_taken(port):
        sys.exit(f"port {port} is in use; choose another one with PORT=")
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "bentoml", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url, process, log)
            yield url
        finally:
            process.terminate()
            process.wait(LEAVE_SECONDS)


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits for /readyz.

    Raises:
        SystemExit: The service ended, or took too long.
    """
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"the service did not start:\n{log.read_text(errors='replace')[-2000:]}")
        try:
            if httpx.get(f"{url}/readyz", timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    sys.exit(f"the service was not ready after {READY_SECONDS:g} s; see {log}")


def is_taken(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
