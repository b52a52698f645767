"""How a measured service is started: its environment, and what it says of itself."""

import os
from pathlib import Path

import httpx
import pytest

from benchmarks.end_to_end import parse_arguments
from benchmarks.served import CACHES, PREFIX, Served, parse_settings, started, variable_of
from configuration.reader import DEFAULT_FILE, read_configuration
from tests.serving import FAKE_SERVICE, free_port, placeholder_weights, small_environment


def test_random_weights_pass_whatever_they_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name == "WEIGHTS_DIR" or name.startswith(PREFIX)]:
        monkeypatch.delenv(name)  # whatever served the tests before
    settings = {"image_to_3d.fast_paths": "true", "services.gateway.concurrency": "16"}
    served = Served(port=1, log=Path("x"), profile="80gb", voxels=8000, settings=settings)
    configuration = read_configuration(DEFAULT_FILE, served.variables(), lambda: 80 * 2**30)
    assert (configuration.profile, configuration.random_weights) == ("80gb", True)
    assert configuration.weights == "random:8000"
    assert configuration.image_to_3d.fast_paths
    assert configuration.services.gateway.concurrency == 16
    assert configuration.services.gateway.deadline_seconds == 30  # load is measured as operators run it
    assert (configuration.validation.alignment, configuration.validation.max_retries) == (-1, 0)


def test_settings_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINER__RENDER__FPS", "30")
    plain = Served(port=1, log=Path("x"))
    assert plain.variables()["MINER__RENDER__FPS"] == "30"
    chosen = Served(port=1, log=Path("x"), settings=parse_settings(["render.fps=12"]))
    assert chosen.variables()["MINER__RENDER__FPS"] == "12"
    assert variable_of("MINER__RENDER__FPS") == variable_of("render.fps") == "MINER__RENDER__FPS"


@pytest.mark.parametrize("arguments", [["--set", "render.fps"], ["--random"], ["--second-start"]])
def test_a_command_line_that_cannot_be_meant_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(arguments)


@pytest.mark.slow
def test_a_started_service_has_the_settings_and_is_gone_afterwards(tmp_path: Path) -> None:
    served = Served(
        port=free_port(),
        log=tmp_path / "service.log",
        settings={"frame": "standard"},
        environment=small_environment(placeholder_weights()),
        caches=tmp_path / "caches",
        target=FAKE_SERVICE,
    )
    url = f"http://127.0.0.1:{served.port}"
    with started(served) as ready_seconds:
        version = httpx.get(f"{url}/version").json()
    assert version["frame"] == "standard"
    # the service measures from its own process's start, and notices being ready before a client does
    assert 0 < version["seconds_to_ready"] <= ready_seconds + 1.0
    assert set(CACHES).issubset(served.variables())
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/version")
