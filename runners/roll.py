"""The roll of the service's processes, which the first one keeps because only it learns how the others end.

    first process    starts and reaps the others; writes roll.json: who lives, who died, why
    model process    listens on a socket of its own (PID.sock) once its models are loaded; a start that fails
                     says why (PID.failure)
    gateway          reads the roll, reaches each process by its socket

All lie in a private folder that the first process makes and removes. A service in one process (tests, another
program) has no roll.
"""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROLL_VARIABLE = "FAST_3D_MINER_ROLL"
ROLL_NAME = "roll.json"
WINDOW_SECONDS = 60.0  # what counts as recent
MAX_REASON = 400  # letters; what torch says of tensors that do not fit fills pages


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """How a process ended: when, in seconds since 1970, and why, in words."""

    time: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """The processes of one BentoML service.

    Attributes:
        processes: Those that live.
        restarts: How many ended since the service's start, and were started again.
        deaths: The last of them.
    """

    processes: tuple[int, ...] = ()
    restarts: int = 0
    deaths: tuple[Death, ...] = ()

    @property
    def recent_deaths(self) -> int:
        """How many of the deaths came within the last minute."""
        return sum(death.time > time.time() - WINDOW_SECONDS for death in self.deaths)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFailure:
    """Why a process could not start; a `final` one would fail again and again."""

    reason: str
    final: bool


Roll = Mapping[str, Team]


@cache
def roll_folder() -> Path | None:
    """Where the roll lies; None in a process that no first process of ours started."""
    named = os.environ.get(ROLL_VARIABLE)
    return Path(named) if named else None


def write_roll(folder: Path, roll: Roll) -> None:
    """In one step: a reader sees the old one or the new one."""
    _replace(folder / ROLL_NAME, {name: asdict(team) for name, team in roll.items()})


def read_roll(folder: Path) -> Roll | None:
    """The roll; None where it cannot be read now, which says nothing of any process."""
    content = _read(folder / ROLL_NAME)
    if content is None:
        return None
    return {
        name: Team(
            processes=tuple(team["processes"]),
            restarts=team["restarts"],
            deaths=tuple(Death(**death) for death in team["deaths"]),
        )
        for name, team in content.items()
    }


def socket_of(folder: Path, process: int) -> Path:
    """Where a model process listens; exists once it has started."""
    return folder / f"{process}.sock"


def write_failure(folder: Path, process: int, failure: StartFailure) -> None:
    """Says why the start of a process fails; the first word counts."""
    file = folder / f"{process}.failure"
    if not file.exists():
        _replace(file, asdict(failure))


def read_failure(folder: Path, process: int) -> StartFailure | None:
    """What a process said before it ended, if it did."""
    content = _read(folder / f"{process}.failure")
    return None if content is None else StartFailure(**content)


def forget_process(folder: Path, process: int) -> None:
    """Removes what a dead process left."""
    for suffix in (".sock", ".new", ".failure"):
        with suppress(OSError):
            (folder / f"{process}{suffix}").unlink()


def one_line(text: str) -> str:
    """For logs and messages: no line breaks, not too long."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_REASON else f"{line[:MAX_REASON]}..."


def _replace(file: Path, content: Any) -> None:
    fresh = file.with_suffix(f".{os.getpid()}.new")
    fresh.write_text(json.dumps(content), encoding="utf-8")
    fresh.replace(file)


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
