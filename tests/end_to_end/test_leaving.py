"""How the service ends: nothing that was admitted is lost, and nothing stays behind, whatever happens."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from command_line.places import ROOT
from tests.serving import (
    FAKE_SERVICE,
    free_port,
    placeholder_weights,
    running_server,
    serve_command,
    small_environment,
    wait_until_ready,
)
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

NUM_IN_FLIGHT = 6
GONE_SECONDS = 10.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """For all files of a service; its path is short, because sockets lie below it."""
    with tempfile.TemporaryDirectory(prefix="life-") as name:
        for part in ("handover", "tmp"):
            Path(name, part).mkdir()
        yield Path(name)


def settings(folder: Path) -> dict[str, str]:
    """Of a service whose files lie in `folder`."""
    return small_environment(placeholder_weights()) | {
        "MINER__SERVICES__GATEWAY__HANDOVER_FOLDER": str(folder / "handover"),
        "TMPDIR": str(folder / "tmp"),
    }


def leftovers(folder: Path) -> list[str]:
    """What a service left."""
    return [str(path) for part in ("handover", "tmp") for path in (folder / part).iterdir()]


def post(url: str, prompt: str) -> httpx.Response:
    return httpx.post(f"{url}/generate", data={"prompt": prompt}, timeout=60)


def is_ready(url: str) -> bool:
    return httpx.get(f"{url}/readyz", timeout=5).status_code == 200


def in_work(url: str) -> float:
    """What /metrics says of requests in work; it may be some moments old."""
    _, _, value = httpx.get(f"{url}/metrics", timeout=10).text.partition("\nfast_3d_miner_in_work ")
    return float(value.split()[0])


@contextmanager
def in_flight(url: str, prompt: str = "slow slow thing") -> Iterator[list[Future[httpx.Response]]]:
    """Requests that the service has admitted."""
    with ThreadPoolExecutor(NUM_IN_FLIGHT) as pool:
        calls = [pool.submit(post, url, f"{prompt} {number}") for number in range(NUM_IN_FLIGHT)]
        wait_for(lambda: in_work(url) == NUM_IN_FLIGHT, 20)
        yield calls


def runner_of(url: str, stage: str) -> psutil.Process:
    """The process of a stage."""
    processes = httpx.get(f"{url}/version", timeout=5).json()["processes"]
    return psutil.Process(next(entry["process"] for entry in processes if stage in entry["stages"]))


def gateway_of(main: subprocess.Popen[bytes]) -> psutil.Process:
    """The process that answers."""
    children = psutil.Process(main.pid).children()
    return next(child for child in children if "fast_3d_miner" in child.cmdline())


def descendants(main: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return list(psutil.Process(main.pid).children(recursive=True))


def assert_gone(processes: list[psutil.Process], url: str, seconds: float) -> None:
    """All have ended, and nobody listens where they did."""
    assert_dead(processes, seconds)
    wait_for(lambda: is_refused(url), 3)  # a process counts as dead while the last of its threads leaves


def assert_dead(processes: list[psutil.Process], seconds: float) -> None:
    """None runs any more; whether init collects the dead is not ours."""
    wait_for(lambda: not any(map(is_alive, processes)), seconds)


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def is_refused(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) != 0


def assert_refuses_while_leaving(url: str) -> None:
    wait_for(lambda: not is_ready(url), 5)
    late = post(url, "late")
    assert (late.status_code, late.json()["error"]) == (503, "leaving")
    assert "retry-after" in late.headers
    assert late.elapsed.total_seconds() < 2.0


def test_six_requests_of_a_fresh_service_are_finished_after_sigterm(folder: Path) -> None:
    with running_server(settings(folder), port=free_port()) as (url, main):
        processes = descendants(main)
        with in_flight(url) as calls:
            main.send_signal(signal.SIGTERM)
            main.send_signal(signal.SIGTERM)  # as `timeout` does: a process, and then its group
            assert_refuses_while_leaving(url)
        assert [call.result().status_code for call in calls] == [200] * NUM_IN_FLIGHT
        assert main.wait(timeout=30) == 0
        assert_gone(processes, url, 0)
    assert leftovers(folder) == []


def test_a_second_signal_ends_at_once(folder: Path) -> None:
    with running_server(settings(folder), port=free_port()) as (url, main):
        processes = descendants(main)
        with in_flight(url, "slow " * 20):  # eight seconds each
            main.send_signal(signal.SIGHUP)  # as a closed terminal does
            assert_refuses_while_leaving(url)
            time.sleep(0.2)
            main.send_signal(signal.SIGTERM)
            assert main.wait(timeout=5) == 128 + signal.SIGTERM
        assert_gone(processes, url, 5)
    assert leftovers(folder) == []


def test_nothing_outlives_the_main_process(folder: Path) -> None:
    environment = settings(folder)
    loading = subprocess.Popen(
        serve_command(FAKE_SERVICE, free_port()),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "BENTOML_HOME": str(folder / "home")} | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: len(descendants(loading)) >= 6, 60)
    orphans = descendants(loading)
    loading.kill()
    loading.wait()
    assert_dead(orphans, GONE_SECONDS)
    with running_server(environment, port=free_port()) as (url, main):
        processes = descendants(main)
        runner_of(url, "matting").suspend()
        with in_flight(url):
            main.kill()
            assert_gone(processes, url, GONE_SECONDS)
    with running_server(environment, port=free_port()):  # which removes what the dead ones left
        pass
    assert leftovers(folder) == []


def test_a_service_that_loses_a_gateway_its_folders_and_a_runner(folder: Path) -> None:
    """Several losses of one service, for each start takes seconds."""
    with running_server(settings(folder), port=free_port()) as (url, main):
        assert_private_sockets(main, url)
        with httpx.Client(base_url=url, timeout=60) as client:
            the_folder_is_lost(client, folder)
            the_gateway_dies(client, url, main)
        processes = descendants(main)
        runner_of(url, "matting").suspend()
        main.send_signal(signal.SIGTERM)
        assert main.wait(timeout=20) == 0  # 6 s, of which the runner is given 5
        assert_gone(processes, url, 0)
    assert leftovers(folder) == []


def assert_private_sockets(main: subprocess.Popen[bytes], url: str) -> None:
    """The only port is the gateway's; the main process keeps it for a gateway that is started again."""
    ports = {process.pid: listening(process) for process in [psutil.Process(main.pid), *descendants(main)]}
    port = int(url.rpartition(":")[2])
    expected = {pid: {port} if pid in (main.pid, gateway_of(main).pid) else set() for pid in ports}
    assert ports == expected


def listening(process: psutil.Process) -> set[int]:
    connections = process.net_connections("inet")
    return {connection.laddr.port for connection in connections if connection.status == psutil.CONN_LISTEN}


def the_folder_is_lost(client: httpx.Client, folder: Path) -> None:
    """Hand-over and metrics alike, as a cleaner of temporary files or a remount does."""
    results = results_of(client)
    metrics = Path(
        psutil.Process(runner_of(str(client.base_url), "finishing").pid).environ()["PROMETHEUS_MULTIPROC_DIR"]
    )
    for lost in [*(folder / "handover").iterdir(), metrics]:
        shutil.rmtree(lost)
    assert client.post("/generate", data={"prompt": "mug"}).status_code == 200
    wait_for(lambda: results_of(client) == results + 1, 40)


def results_of(client: httpx.Client) -> float:
    """Answers that /metrics counts; 0 if it counts none."""
    text = client.get("/metrics").text
    _, found, value = text.partition('\nfast_3d_miner_results_total{status="200"} ')
    return float(value.split()[0]) if found else 0.0


def the_gateway_dies(client: httpx.Client, url: str, main: subprocess.Popen[bytes]) -> None:
    with in_flight(url) as calls:
        gateway_of(main).kill()
    assert all(isinstance(call.exception(), httpx.TransportError) for call in calls)
    wait_until_ready(client)
    assert in_work(url) == 0
