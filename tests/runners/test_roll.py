"""How the first process notes the ends of others, with stand-ins for BentoML's arbiter and watchers."""

import logging
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bentoml.exceptions import BentoMLConfigException
from circus.watcher import Watcher

from runners.machine import killed_for_memory
from runners.roll import ROLL_VARIABLE, StartFailure, read_roll, socket_of, write_failure
from runners.roll_keeper import RollKeeper, describe_end


class Loop:
    """Takes what shall be called later."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def add_callback(self, *call: Any) -> None:
        self.calls.append(call)


class Service:
    """A service of one process under the eyes of a keeper; its threads do not hear signals."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.kills, self.next = folder, 0, 100
        self.keeper = RollKeeper(folder, lambda: self.kills)
        self.arbiter = SimpleNamespace(_stopping=False, _exception=None, loop=Loop())
        self.watcher = SimpleNamespace(name="service_matting", env=None, hooks={}, arbiter=self.arbiter)
        self.keeper.follow(self.watcher)

    def start(self, *, loads: bool = True) -> int:
        self.next += 1
        assert self.watcher.hooks["after_spawn"](watcher=self.watcher, arbiter=self.arbiter, pid=self.next)
        if loads:
            socket_of(self.folder, self.next).touch()
        return self.next

    def end(self, process: int, code: int | None) -> None:
        hook = self.watcher.hooks["after_reap"]
        hook(watcher=self.watcher, arbiter=self.arbiter, process_pid=process, exit_code=code, time=0.0)

    @property
    def team(self) -> Any:
        return (read_roll(self.folder) or {})["matting"]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    return Service(tmp_path, monkeypatch)


def test_the_roll_holds_who_lives_and_why_others_ended(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    assert service.watcher.env == {ROLL_VARIABLE: str(service.folder)}
    for _ in range(2):
        service.end(service.start(), -signal.SIGKILL)
    assert caplog.records == []
    service.kills += 1
    service.end(service.start(), -signal.SIGKILL)
    alive = service.start()
    assert service.team.processes == (alive,)
    assert service.team.restarts == 3
    assert [death.reason for death in service.team.deaths] == [
        "its process ended by signal 9 (SIGKILL, killed, perhaps for memory)",
        "its process ended by signal 9 (SIGKILL, killed, perhaps for memory)",
        "its process ended by signal 9 (SIGKILL, killed for memory)",
    ]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "that is death 3 within a minute" in caplog.text
    assert sorted(path.name for path in service.folder.iterdir()) == [f"{alive}.sock", "roll.json"]


def test_weights_that_do_not_fit_end_the_service_at_once(service: Service) -> None:
    process = service.start(loads=False)
    write_failure(service.folder, process, StartFailure(reason="w.safetensors does not fit", final=True))
    service.end(process, 3)
    assert isinstance(service.arbiter._exception, BentoMLConfigException)
    assert str(service.arbiter._exception) == "matting: w.safetensors does not fit"
    assert len(service.arbiter.loop.calls) == 1


def test_three_starts_that_fail_alike_end_the_service(service: Service) -> None:
    for reason in ("no memory", "no driver", "no driver", "no driver"):
        assert service.arbiter._exception is None
        process = service.start(loads=False)
        write_failure(service.folder, process, StartFailure(reason=reason, final=False))
        service.end(process, 3)
    assert str(service.arbiter._exception) == "matting: no driver"


def test_a_service_that_has_started_before_is_started_for_ever(service: Service) -> None:
    service.end(service.start(), 1)
    for _ in range(5):
        process = service.start(loads=False)
        write_failure(service.folder, process, StartFailure(reason="no driver", final=True))
        service.end(process, 3)
    assert service.arbiter._exception is None
    assert service.team.deaths[-1].reason == "no driver"


def test_an_end_that_was_asked_for_is_no_death(service: Service) -> None:
    process = service.start()
    service.arbiter._stopping = True
    service.end(process, 0)
    assert (service.team.processes, service.team.deaths) == ((), ())


def test_a_roll_that_is_lost_is_made_again(service: Service) -> None:
    (service.folder / "roll.json").unlink()
    service.folder.rmdir()
    assert read_roll(service.folder) is None
    assert service.start(loads=False) in service.team.processes


def test_a_roll_that_cannot_be_written_harms_nobody(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    (service.folder / "roll.json").unlink()
    service.folder.rmdir()
    service.folder.touch()
    service.end(service.start(loads=False), -signal.SIGSEGV)
    assert "the roll of processes cannot be kept" in caplog.text
    assert read_roll(service.folder) is None


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (None, "its process ended"),
        (3, "its process ended with code 3"),
        (-signal.SIGSEGV, "its process ended by signal 11 (SIGSEGV)"),
        (-63, "its process ended by signal 63 (unknown)"),
    ],
)
def test_ends_are_told_in_words(code: int | None, text: str) -> None:
    assert describe_end(code, for_memory=False) == text


@pytest.mark.parametrize(
    ("groups", "file", "content", "expected"),
    [
        ("0::/pod/a\n", "pod/a/memory.events", "low 0\noom 9\noom_kill 4\noom_group_kill 0\n", 4),
        ("4:memory:/a\n", "memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", 2),
        ("4:memory:/a\n", "memory/memory.oom_control", "oom_kill_disable 0\n", 0),
        ("0::/\n", "cpu.max", "max 100000", 0),
    ],
)
def test_the_kernel_says_how_often_it_killed_for_memory(
    groups: str, file: str, content: str, expected: int, tmp_path: Path
) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(groups)
    (tmp_path / "groups" / file).parent.mkdir(parents=True)
    (tmp_path / "groups" / file).write_text(content)
    assert killed_for_memory(tmp_path / "proc", tmp_path / "groups") == expected


def test_bentomls_watchers_still_tell_what_the_roll_needs(tmp_path: Path) -> None:
    """The hooks and attributes of circus that the keeper relies on, with a real process."""
    keeper = RollKeeper(tmp_path)
    arbiter = SimpleNamespace(_stopping=False, _exception=None, loop=Loop(), socket_event=False)
    watcher = Watcher("service_matting", sys.executable, args=["-c", "raise SystemExit(7)"], copy_env=True)
    watcher.initialize(None, {}, arbiter)
    keeper.follow(watcher)
    watcher._status = "active"
    watcher.spawn_process()
    (process,) = watcher.processes
    assert (read_roll(tmp_path) or {})["matting"].processes == (process,)
    _, status = os.waitpid(process, 0)
    watcher.reap_process(process, status)
    assert [death.reason for death in (read_roll(tmp_path) or {})["matting"].deaths] == [
        "its process ended with code 7"
    ]
