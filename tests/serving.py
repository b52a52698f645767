"""The service with stand-in models: in this process, and as a real server."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from command_line.places import ROOT
from configuration.profiles import REQUIRED_FILES
from tests.stand_ins import fakes

READY_SECONDS = 120.0
FAKE_SERVICE = "tests.stand_ins.fake_service:Miner"
NO_TENSORS = (2).to_bytes(8, "little") + b"{}"  # the smallest safetensors file
EMBEDDED = {  # the shipped family as a laptop runs it, whatever this machine has
    "MINER__PROFILE": "embedded",
    "MINER__DEVICE": "cpu",
    "BENTOML_DO_NOT_TRACK": "True",
    "WEIGHTS_DIR": "",
}


def placeholder_weights() -> Path:
    """A folder that looks like weights; the stand-ins never read it."""
    folder = Path(tempfile.mkdtemp(prefix="miner-test-weights-"))
    for name in (*REQUIRED_FILES, "validation/aesthetics.safetensors", "image_to_3d/mesh.safetensors"):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(NO_TENSORS if file.suffix == ".safetensors" else b"{}")
    models = {"slat_decoder_mesh": "mesh"}
    (folder / "image_to_3d/pipeline.json").write_text(json.dumps({"args": {"models": models}}))
    return folder


def small_environment(weights: Path) -> dict[str, str]:
    """Settings that keep the tests quick."""
    return {
        "WEIGHTS_DIR": str(weights),
        "MINER__PROFILE": "embedded",
        "MINER__DEVICE": "cpu",
        "MINER__MESH__SHAPE": "decoder",
        "MINER__RENDER__RESOLUTION": "64",
        "MINER__RENDER__SECONDS": "0.5",
        "MINER__VALIDATION__VIEW_SIZE": "64",
        "MINER__VALIDATION__VIEWS": "2",
        "MINER__VALIDATION__AESTHETICS": "0",
        "BENTOML_DO_NOT_TRACK": "True",
    }


def wait_until_ready(client: httpx.Client | TestClient, seconds: float = READY_SECONDS) -> float:
    """Waits for /readyz; gives the seconds it took."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        try:
            if client.get("/readyz").status_code == 200:
                return time.monotonic() - started
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail(f"not ready after {seconds} s")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve_command(target: str, port: int) -> list[str]:
    """`bentoml serve` on this machine only."""
    return [sys.executable, "-m", "bentoml", "serve", target, "--port", str(port), "--host", "127.0.0.1"]


@contextmanager
def running_server(
    environment: dict[str, str],
    *,
    port: int,
    target: str = FAKE_SERVICE,
    cwd: Path = ROOT,
    ready_seconds: float = READY_SECONDS,
    log_file: Path | None = None,
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A real `bentoml serve` in processes of its own; gives its address and its main process.

    BentoML gets a home of its own, which leaves with it.
    `log_file` takes what it logs, for tests that look into that.
    """
    with (
        tempfile.TemporaryFile() if log_file is None else log_file.open("w+b") as log,
        tempfile.TemporaryDirectory() as home,
    ):
        process = subprocess.Popen(
            serve_command(target, port),
            cwd=cwd,
            env={**os.environ, "BENTOML_HOME": home, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5) as client:
                wait_until_ready(client, ready_seconds)
            yield f"http://127.0.0.1:{port}", process
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace")[-6000:])
            raise
        finally:
            process.terminate()
            process.wait(timeout=60)


@contextmanager
def service_in_this_process() -> Iterator[TestClient]:
    """The whole service with stand-in models; what it took to make it is put back before any test runs."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as running:
        for name, value in small_environment(placeholder_weights()).items():
            patch.setenv(name, value)
        from service import Miner

        app = Miner.to_asgi()  # type: ignore[attr-defined]
        with fakes.installed():
            test_client = running.enter_context(TestClient(app))
            wait_until_ready(test_client)
        patch.undo()
        yield test_client
