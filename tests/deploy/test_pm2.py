"""deploy/pm2/generation.config.js under the real pm2, with stand-in models."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from command_line.places import ROOT
from runners.options import DRAIN_MARGIN_SECONDS, TIMEOUT_MARGIN_SECONDS
from tests.deploy.tools import longest_deadline
from tests.export.node_tools import node_package, program
from tests.serving import (
    FAKE_SERVICE,
    free_port,
    placeholder_weights,
    small_environment,
    wait_until_ready,
)
from tests.waiting import wait_for

CONFIG = ROOT / "deploy/pm2/generation.config.js"
NAME = "generation"


class Pm2:
    """A pm2 with a home of its own."""

    def __init__(self, home: Path, port: int) -> None:
        self._command = [program("node"), str(node_package("pm2") / "pm2/bin/pm2")]
        self._environment = {
            **os.environ,
            **small_environment(placeholder_weights()),
            "PM2_HOME": str(home / "pm2"),
            "PORT": str(port),
            "PYTHONPATH": str(ROOT),
            "BENTOML_HOME": str(home / "bentoml"),
            "MINER_BENTOML": str(Path(sys.executable).with_name("bentoml")),
            "MINER_SERVICE": FAKE_SERVICE,
        }

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._command, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return done.stdout

    def app(self) -> dict[str, Any]:
        """What pm2 knows of the service."""
        listed = self("jlist")
        (found,) = json.loads(listed[listed.index("[{") :])
        return dict(found)


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def pm2(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Pm2]:
    """The service, started by pm2 and ready."""
    pm2 = Pm2(tmp_path_factory.mktemp("pm2"), port)
    try:
        pm2("start", str(CONFIG))
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5, trust_env=False) as client:
            wait_until_ready(client)
        yield pm2
    finally:
        pm2("kill")


def post(port: int, prompt: str) -> httpx.Response:
    url = f"http://127.0.0.1:{port}/generate/"
    return httpx.post(url, data={"prompt": prompt}, timeout=60, trust_env=False)


def settings() -> dict[str, Any]:
    """The one app of the file, as node reads it."""
    done = subprocess.run(
        [program("node"), "-p", f"JSON.stringify(require({str(CONFIG)!r}).apps)"],
        capture_output=True,
        text=True,
        check=True,
        env={name: value for name, value in os.environ.items() if name not in ("PORT", "MINER_SERVICE")},
    )
    (app,) = json.loads(done.stdout)
    return dict(app)


def test_the_file_names_what_the_miners_expect() -> None:
    app = settings()
    assert app["name"] == NAME
    assert app["args"] == ["serve", "service:Miner", "--port", "8093"]
    least = longest_deadline("embedded") + TIMEOUT_MARGIN_SECONDS + DRAIN_MARGIN_SECONDS
    assert app["kill_timeout"] >= 1000 * least


@pytest.mark.slow
def test_a_prompt_gets_its_object_and_the_log_is_kept(pm2: Pm2, port: int) -> None:
    assert post(port, "mug").status_code == 200
    logs = pm2.app()["pm2_env"]
    text = "".join(Path(logs[name]).read_text() for name in ("pm_out_log_path", "pm_err_log_path"))
    assert " s after the start" in text


@pytest.mark.slow
def test_a_killed_main_process_is_started_again(pm2: Pm2, port: int) -> None:
    first = psutil.Process(pm2.app()["pid"])
    others = first.children(recursive=True)
    assert others
    os.kill(first.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(others, timeout=30)
    assert alive == []  # an orphan would answer in place of the new one, which could never have the port
    deadline = time.monotonic() + 120
    while pm2.app()["pid"] in (first.pid, 0) or not is_ready(port):
        assert time.monotonic() < deadline, pm2.app()["pm2_env"]["status"]
        time.sleep(0.5)
    assert post(port, "mug").status_code == 200


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.slow
def test_stopping_waits_for_the_request_in_work_and_leaves_no_process(pm2: Pm2, port: int) -> None:
    main = psutil.Process(pm2.app()["pid"])
    processes = [main, *main.children(recursive=True)]
    replies: list[httpx.Response] = []
    request = threading.Thread(target=lambda: replies.append(post(port, "slow slow slow")))
    request.start()
    metrics = f"http://127.0.0.1:{port}/metrics"
    wait_for(lambda: "fast_3d_miner_in_work 1.0" in httpx.get(metrics, timeout=5, trust_env=False).text)
    pm2("stop", NAME)
    request.join()
    assert [reply.status_code for reply in replies] == [200]
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert alive == []
    assert pm2.app()["pm2_env"]["status"] == "stopped"


def wait_for_work(port: int) -> None:
    """Until a request is in work."""
    deadline = time.monotonic() + 20
    while (
        "fast_3d_miner_in_work 1.0"
        not in httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5, trust_env=False).text
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)
