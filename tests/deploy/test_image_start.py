"""What the image starts (`deploy/docker`): its entrypoint with a stand-in for `bentoml`, its probe.

`.ci/image` builds the image itself and sends requests to it.
"""

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from command_line.places import ROOT
from tests.deploy.tools import leaving_seconds
from tests.serving import free_port

DOCKER = ROOT / "deploy" / "docker"


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """What is mounted at /workspace, empty."""
    folder = tmp_path / "workspace"
    (folder / "weights").mkdir(parents=True)
    return folder


def start(volume: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs the entrypoint as the image does; `bentoml` prints its arguments and its environment."""
    programs = volume.parent / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "bentoml").write_text('#!/bin/sh\necho "ARGUMENTS $*"\nexec env\n')
    (programs / "bentoml").chmod(0o755)
    script = volume.parent / "deploy" / "docker" / "entrypoint.sh"
    script.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(DOCKER.parent / "caches.sh", script.parent.parent)
    script.write_text((DOCKER / "entrypoint.sh").read_text().replace("/workspace", str(volume)))
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "BENTO_PATH": "/bento",
        "BENTOML_HOME": str(volume.parent / "home"),
        "CACHE_DIR": str(volume / "cache"),
        "WEIGHTS_DIR": str(volume / "weights"),
        "BENTOML_CONTAINERIZED": "true",
        **settings,
    }
    command = ["sh", str(script), *arguments]
    return subprocess.run(command, env=environment, check=False, capture_output=True, text=True)


def served(volume: Path, *arguments: str, **settings: str) -> dict[str, str]:
    """The environment of the started service, and its ARGUMENTS."""
    done = start(volume, *arguments, **settings)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if "=" in line]
    (words,) = re.findall(r"^ARGUMENTS (.*)$", done.stdout, re.MULTILINE)
    return {**dict(line.split("=", 1) for line in lines), "ARGUMENTS": words}


def test_a_dead_runner_is_started_again_for_bentoml_sees_no_container(volume: Path) -> None:
    assert "BENTOML_CONTAINERIZED" not in served(volume)


@pytest.mark.parametrize(
    ("arguments", "settings", "command"),
    [
        ((), {}, "serve /bento"),
        ((), {"PORT": "10006"}, "serve --port 10006 /bento"),
        (("--api-workers", "2"), {}, "serve --api-workers 2 /bento"),
    ],
)
def test_it_serves_the_bento(
    volume: Path, arguments: tuple[str, ...], settings: dict[str, str], command: str
) -> None:
    assert served(volume, *arguments, **settings)["ARGUMENTS"] == command


def test_another_command_runs_instead(volume: Path) -> None:
    done = start(volume, "echo", "hello")
    assert (done.returncode, done.stdout) == (0, "hello\n")


def test_everything_compiled_lies_on_the_volume_unless_named_otherwise(volume: Path) -> None:
    environment = served(volume, TRITON_CACHE_DIR=str(volume / "own"))
    names = ("NUMBA_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "TORCH_EXTENSIONS_DIR")
    assert all(Path(environment[name]).parent == volume / "cache" for name in names)
    assert all(Path(environment[name]).is_dir() for name in (*names, "TRITON_CACHE_DIR"))
    assert environment["TRITON_CACHE_DIR"] == str(volume / "own")


@pytest.mark.parametrize(
    ("files", "settings", "kept"),
    [
        ([], {}, False),
        (["24gb/weights.lock.json"], {}, False),  # `auto` finds it beside the sources
        (["weights.lock.json"], {}, True),
        (["weights.lock.json"], {"MINER__PROFILE": "embedded"}, False),
        (["weights.lock.json"], {"WEIGHTS": "random"}, False),
        (
            [],
            {"WEIGHTS_DIR": "/elsewhere"},
            True,
        ),  # the operator's word: the service says that nothing is there
    ],
)
def test_the_images_folder_of_weights_counts_only_when_it_holds_some(
    volume: Path, files: list[str], settings: dict[str, str], kept: bool
) -> None:
    for name in files:
        file = volume / "weights" / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    assert ("WEIGHTS_DIR" in served(volume, **settings)) == kept


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"CACHE_DIR": "/proc/none"}, "cannot write to /proc/none/numba: let the volume belong to that user"),
        ({"BENTOML_HOME": "/proc/none"}, "cannot write to /proc/none: let the volume belong to that user"),
        ({"TMPDIR": "/none"}, "cannot write to /none: a read-only container needs --tmpfs /tmp"),
        ({"PORT": "http"}, "PORT must be a number, not 'http'"),
    ],
)
def test_what_cannot_work_is_one_sentence(volume: Path, settings: dict[str, str], sentence: str) -> None:
    done = start(volume, **settings)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


class Answer(BaseHTTPRequestHandler):
    """A service whose /readyz answers `status`."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, format: str, *words: Any) -> None:
        """Says nothing."""


@pytest.fixture
def service() -> Iterator[HTTPServer]:
    """A server in a thread."""
    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def probe(**settings: str) -> int:
    """The exit status of the image's HEALTHCHECK; proxies lead nowhere."""
    environment = {"http_proxy": "http://127.0.0.1:9", **settings}
    command = [sys.executable, "-S", str(DOCKER / "healthcheck.py")]
    return subprocess.run(command, env=environment, check=False, timeout=20).returncode


@pytest.mark.parametrize(("status", "expected"), [(200, 0), (503, 1)])
def test_the_probe_asks_readyz(
    service: HTTPServer, monkeypatch: pytest.MonkeyPatch, status: int, expected: int
) -> None:
    monkeypatch.setattr(Answer, "status", status)
    assert probe(PORT=str(service.server_port)) == expected
    assert probe(MINER__SERVICES__HTTP__PORT=str(service.server_port)) == expected


def test_the_probe_fails_where_nobody_listens() -> None:
    assert probe(PORT=str(free_port())) == 1


@pytest.mark.parametrize(("profile", "family"), [("cpu", "embedded"), ("gpu", "24gb")])
def test_compose_keeps_what_the_container_needs(profile: str, family: str) -> None:
    service = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"][profile]
    assert service["profiles"] == [profile]
    assert int(service["stop_grace_period"].removesuffix("s")) >= leaving_seconds(family)
    assert service["read_only"] is True
    assert any(entry.startswith("/tmp") for entry in service["tmpfs"])
    assert service["volumes"] == ["workspace:/workspace"]


def test_gsplat_is_left_out_where_no_gpu_is_named() -> None:
    done = subprocess.run(
        ["bash", str(ROOT / "scripts" / "build_gsplat.sh")],
        env={
            **os.environ,
            "TORCH_CUDA_ARCH_LIST": "none",
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        },
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "gsplat's CUDA code is not built" in done.stdout


def test_a_machine_that_cannot_try_the_image_says_what_it_lacks(tmp_path: Path) -> None:
    for name in ("sh", "dirname", "id", "find", "sort", "xargs", "sha256sum", "cut"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    done = subprocess.run(
        ["sh", str(ROOT / ".ci" / "image")],
        env={"PATH": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 77, done.stderr
    assert re.match(r"image: NOT TRIED, (there is no apt-get|only root)", done.stdout)
