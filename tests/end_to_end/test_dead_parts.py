"""A real server with stand-in models, some of whose processes are killed."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from runners.formats import FORMATS
from tests.serving import (
    free_port,
    placeholder_weights,
    running_server,
    small_environment,
)
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

KILLED = "its process ended by signal 9 (SIGKILL, killed, perhaps for memory)"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """Of a server with two processes for mattes."""
    environment = small_environment(placeholder_weights()) | {"MINER__SERVICES__MATTING__WORKERS": "2"}
    with (
        running_server(environment, port=free_port()) as (url, _),
        httpx.Client(base_url=url, timeout=60) as made,
    ):
        yield made


def processes_of(client: httpx.Client, stage: str) -> list[int]:
    return [
        found["process"] for found in client.get("/version").json()["processes"] if stage in found["stages"]
    ]


def service(client: httpx.Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/version").json()["services"][name]
    return found


def test_all_processes_are_warm_before_the_service_is_ready(client: httpx.Client) -> None:
    assert client.get("/readyz").json() == {
        "status": "ready",
        "products": dict.fromkeys(FORMATS, "ready"),
    }
    assert service(client, "matting") == {"processes": 2, "ready": 2, "restarts": 0, "last_end": None}
    assert len(set(processes_of(client, "matting"))) == 2


def test_one_of_two_killed_lowers_capacity_only(client: httpx.Client) -> None:
    os.kill(processes_of(client, "matting")[0], signal.SIGKILL)
    wait_for(lambda: service(client, "matting")["restarts"] == 1, 10)
    assert service(client, "matting")["last_end"] == KILLED
    while service(client, "matting")["ready"] < 2:
        assert client.get("/readyz").status_code == 200
        assert client.post("/generate", data={"prompt": "mug"}).status_code == 200


def test_without_the_films_process_plys_are_made(client: httpx.Client) -> None:
    os.kill(processes_of(client, "finishing")[0], signal.SIGKILL)
    wait_for(lambda: client.get("/readyz").json()["products"]["mp4"] != "ready", 10)
    assert client.get("/readyz").status_code == 200
    assert client.post("/generate", data={"prompt": "mug"}).status_code == 200
    for path, fields in [
        ("/generate", {"format": "spz"}),
        ("/generate", {"format": "ply,glb"}),
        ("/generate_video", {}),
    ]:
        refused = client.post(path, data={"prompt": "mug", **fields})
        assert (refused.status_code, refused.json()["error"]) == (503, "not_ready")
        assert refused.json()["detail"] == f"finishing: {KILLED}, 1 restart in the last minute"
        assert "retry-after" in refused.headers
    wait_for(lambda: client.get("/readyz").json()["products"]["mp4"] == "ready")
    assert client.post("/generate_video", data={"prompt": "mug"}).status_code == 200


def test_what_plys_need_is_named_while_it_is_gone(client: httpx.Client) -> None:
    os.kill(processes_of(client, "text_to_image")[0], signal.SIGKILL)
    wait_for(lambda: client.get("/readyz").status_code == 503, 10)
    probe, refused = client.get("/readyz"), client.post("/generate", data={"prompt": "mug"})
    for reply in (probe, refused):
        assert (reply.status_code, reply.json()["error"]) == (503, "not_ready")
        assert reply.json()["detail"] == f"text_to_image: {KILLED}, 1 restart in the last minute"
        assert "retry-after" in reply.headers
    wait_for(lambda: client.get("/readyz").status_code == 200)
    assert client.post("/generate", data={"prompt": "mug"}).status_code == 200
