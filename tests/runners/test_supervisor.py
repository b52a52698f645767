"""The order in which processes end, with stand-ins that load nothing; fails where BentoML changes inside."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from command_line.places import ROOT
from tests.waiting import wait_for

SECONDS = 30.0


class Service:
    """One run."""

    def __init__(
        self,
        folder: Path,
        drain: float,
        gateway: str,
        runner: str,
        *,
        nohup: bool = False,
        terminal: int | None = None,
    ) -> None:
        self.log, self.temporary, self.sockets = folder / "log", folder / "tmp", folder / "sockets"
        self.temporary.mkdir()
        self.sockets.mkdir(mode=0o700)
        program = [
            sys.executable,
            "-m",
            "tests.stand_ins.small_service",
            str(self.log),
            str(drain),
            gateway,
            runner,
        ]
        self.process = subprocess.Popen(
            [*(["nohup"] if nohup else []), *program],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(self.temporary)},
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stdout=subprocess.DEVNULL if terminal is None else terminal,
            stderr=terminal,
            start_new_session=True,
            preexec_fn=None if terminal is None else partial(fcntl.ioctl, 0, termios.TIOCSCTTY, 0),
        )

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def wait_until_up(self) -> None:
        wait_for(lambda: len(self.lines()) == 2)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


@pytest.fixture
def serve() -> Iterator[Callable[..., Service]]:
    services: list[Service] = []
    with tempfile.TemporaryDirectory(prefix="small-") as folder:

        def start(*arguments: object, **options: object) -> Service:
            services.append(Service(Path(folder), *arguments, **options))  # type: ignore[arg-type]
            return services[-1]

        yield start
        for service in services:
            service.process.kill()
            service.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_runners_leave_after_the_gateway(number: signal.Signals, serve: Callable[..., Service]) -> None:
    service = serve(20, "leave", "leave")
    service.wait_until_up()
    assert sorted(service.lines()) == ["service listens on 1", "service_x listens on 1"]
    controls = Path(f"{service.log}.endpoints").read_text().split()
    assert all(control.startswith(f"ipc://{service.temporary}/fast-3d-miner-") for control in controls)
    assert service.end(number) == 0
    assert service.lines()[2:] == ["service asked", "service gone", "service_x asked", "service_x gone"]
    assert list(service.temporary.iterdir()) == []
    assert not service.sockets.exists()


def test_whoever_does_not_leave_is_ended(serve: Callable[..., Service]) -> None:
    service = serve(1, "stay", "stay")
    service.wait_until_up()
    started = time.monotonic()
    assert service.end(signal.SIGTERM) == 0
    assert 2.0 < time.monotonic() - started < 20.0  # a second for each
    assert service.lines()[2:] == ["service asked", "service_x asked"]


def test_a_second_signal_ends_at_once_and_the_same_one_twice_does_not(serve: Callable[..., Service]) -> None:
    service = serve(60, "stay", "stay")
    service.wait_until_up()
    service.process.send_signal(signal.SIGTERM)
    service.process.send_signal(signal.SIGTERM)
    wait_for(lambda: "service asked" in service.lines())
    time.sleep(0.5)
    service.process.send_signal(signal.SIGHUP)  # a terminal's end comes with one or two
    time.sleep(0.2)
    assert service.process.poll() is None
    assert service.end(signal.SIGINT) == 128 + signal.SIGINT
    assert list(service.temporary.iterdir()) == []
    assert not service.sockets.exists()


def test_a_signal_at_any_moment_of_the_start_ends_the_service(serve: Callable[..., Service]) -> None:
    service = serve(1, "leave", "leave")
    wait_for(lambda: Path(f"{service.log}.endpoints").exists())
    assert service.end(signal.SIGTERM) == 0
    assert list(service.temporary.iterdir()) == []


def test_a_closed_terminal_ends_the_service(serve: Callable[..., Service]) -> None:
    terminal, inside = pty.openpty()
    service = serve(20, "leave", "leave", terminal=inside)
    service.wait_until_up()
    os.close(inside)
    os.close(terminal)
    assert service.process.wait(SECONDS) == 0
    assert service.lines()[-1] == "service_x gone"


def test_all_die_with_the_first_one(serve: Callable[..., Service]) -> None:
    service = serve(20, "stay", "stay")
    service.wait_until_up()
    others = psutil.Process(service.process.pid).children()
    assert len(others) == 2
    others[0].suspend()
    service.process.kill()
    wait_for(lambda: not any(map(is_alive, others)))


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_under_nohup_a_closed_terminal_changes_nothing(serve: Callable[..., Service]) -> None:
    service = serve(20, "leave", "leave", nohup=True)
    service.wait_until_up()
    service.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert service.process.poll() is None
    assert service.end(signal.SIGTERM) == 0
