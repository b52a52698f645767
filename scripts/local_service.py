"""A service started for as long as a script needs it."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

import httpx

from command_line.places import ROOT

SERVICE = "service:Miner"
READY_SECONDS = 300.0
LEAVE_SECONDS = 150.0
POLL_SECONDS = 0.1


@contextmanager
def local_service(
    port: int,
    log: Path | None,
    *,
    target: str = SERVICE,
    environment: Mapping[str, str] | None = None,
    ready_seconds: float = READY_SECONDS,
    python: str = sys.executable,
) -> Iterator[str]:
    """Runs `bentoml serve` inside the block and gives its address once every runner is warm.

    BentoML gets a home of its own, which leaves with it.

    Args:
        port: Where it listens on this machine.
        log: File that takes its output; None leaves it where this process's own goes.
        target: What to serve, module:name.
        environment: In place of this process's own.
        ready_seconds: How long it may take.
        python: The interpreter that has its packages.

    Raises:
        SystemExit: The port is taken, or the service does not get ready.
    """
    if is_taken(port):
        sys.exit(f"port {port} is in use; choose another one with PORT=")
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
    command = [python, "-m", "bentoml", "serve", target, "--host", "127.0.0.1", "--port", str(port)]
    own = {**(os.environ if environment is None else environment)}
    with (
        tempfile.TemporaryDirectory(prefix="bentoml-home-") as home,
        nullcontext() if log is None else log.open("wb") as output,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env={"BENTOML_HOME": home, **own},
            stdout=output,
            stderr=None if log is None else subprocess.STDOUT,
        ) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url, process, log, ready_seconds)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(LEAVE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until_ready(
    url: str, process: subprocess.Popen[bytes], log: Path | None, seconds: float = READY_SECONDS
) -> None:
    """Waits for /readyz.

    Raises:
        SystemExit: The service ended, or took too long.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            told = log.read_text(errors="replace")[-2000:] if log is not None else "its log says why"
            sys.exit(f"the service did not start:\n{told}")
        try:
            if httpx.get(f"{url}/readyz", timeout=2, trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(POLL_SECONDS)
    sys.exit(f"the service was not ready after {seconds:g} s; see {log or 'its log'}")


def is_taken(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
