r"""Where the seconds between `bentoml serve` and the first result go, process by process.

    python -m benchmarks.cold_start [--random --profile 80gb] [--starts 2] [--no-encoder] [--out DIR]

Starts the service some times with compile caches that begin empty, and sends one request each time. The last
start is drawn: when each process began (by the operating system), and when it said what (its log's lines as
they come). With --out the events of every start are in cold_start.json.
"""

import argparse
import asyncio
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import psutil

from benchmarks import phases
from benchmarks.client import connected
from benchmarks.results import Results, command_line
from benchmarks.served import Served, add_arguments, empty_caches, served_by, started
from command_line.arguments import at_least_one
from command_line.running import run_program

WIDTH = 60  # of the drawing, in characters
LOOK_SECONDS = 0.02
LINE = re.compile(r"\[(?:entry_)?service:(?P<process>\w+):\d+\] (?P<text>.*)")
TOLD = re.compile(r"loaded in|warm after|initialized$|^rehearsed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that a start's process did.

    Attributes:
        seconds: Since the command began.
        process: Its service's name; "first" is the process of `bentoml serve`, "client" whoever asks.
        text: What.
    """

    seconds: float
    process: str
    text: str


class Watcher:
    """Notes the events of one start in a thread."""

    def __init__(self, log: Path) -> None:
        """Takes the file that the service logs to."""
        self.events: list[Event] = []
        self._log = log
        self._began, self._began_date = time.perf_counter(), time.time()
        self._over = threading.Event()
        self._begun: dict[str, float] = {}
        self._read, self._rest = 0, ""

    def note(self, process: str, text: str) -> None:
        """Something happened now."""
        seconds = round(time.perf_counter() - self._began, 2)
        self.events.append(Event(seconds=seconds, process=process, text=text))

    @contextmanager
    def watching(self) -> Iterator["Watcher"]:
        """Looks inside the block."""
        thread = threading.Thread(target=self._watch, name="watch")
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()
            for name, created in self._begun.items():
                seconds = round(max(0.0, created - self._began_date), 2)
                self.events.append(Event(seconds=seconds, process=name, text="process begins"))

    def _watch(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self._look_at_processes()
            self._look_at_log()

    def _look_at_processes(self) -> None:
        """A process is known once it runs its own command; it has begun before, as its parent's copy."""
        for process in psutil.Process().children(recursive=True):
            try:
                name, created = service_of(process.cmdline()), process.create_time()
            except psutil.Error:  # gone again
                continue
            if name is not None:
                self._begun[name] = min(created, self._begun.get(name, created))

    def _look_at_log(self) -> None:
        if not self._log.is_file():
            return
        with self._log.open(encoding="utf-8", errors="replace") as file:
            file.seek(self._read)
            *lines, self._rest = (self._rest + file.read()).split("\n")
            self._read = file.tell()
        for line in lines:
            if (found := LINE.search(line)) and TOLD.search(found["text"]):
                self.note(found["process"], found["text"][:90])


def service_of(command: Sequence[str]) -> str | None:
    """The service whose process a command line starts; None for other processes."""
    if "bentoml" in command and "serve" in command:
        return "first"
    for part, following in pairwise(command):
        if part == "--service-name":
            return following
    return None


def drawing(events: Sequence[Event]) -> list[str]:
    """One line an event, in the order of processes and times; the bar is the time since the event before."""
    last = max(event.seconds for event in events)
    lines = [f"{'process':16}{'s':>7}  {'0':<{WIDTH - 5}}{last:5.1f}  event"]
    for process in dict.fromkeys(event.process for event in sorted(events, key=lambda event: event.seconds)):
        before = 0.0
        for event in sorted((e for e in events if e.process == process), key=lambda event: event.seconds):
            begins = before if event.text != "process begins" else event.seconds
            left, right = (round(seconds / last * WIDTH) for seconds in (begins, event.seconds))
            bar = (" " * left + "#" * (right - left) or "|").ljust(WIDTH)
            lines.append(f"{process:16}{event.seconds:7.2f}  {bar[:WIDTH]}  {event.text}")
            before = event.seconds
    return lines


async def ask_once(port: int, watcher: Watcher) -> None:
    """The first request."""
    async with connected(port) as client:
        answer = await phases.first_request(client)
    watcher.note("client", f"first answer, {answer['status']}, after {answer['seconds']:.2f} s")


def one_start(served: Served) -> list[Event]:
    """Starts, asks, stops."""
    watcher = Watcher(served.log)
    with watcher.watching(), started(served):
        watcher.note("client", "/readyz is 200")
        asyncio.run(ask_once(served.port, watcher))
    return watcher.events


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line."""
    options = parse_arguments(argv)
    results = Results(options.out, "cold_start")
    results.content["command"] = command_line(argv)
    with empty_caches() as folder:
        for number in range(1, options.starts + 1):
            log = options.served.log.with_suffix(f".{number}.log")
            log.unlink(missing_ok=True)
            events = one_start(replace(options.served, caches=folder, log=log))
            results.content[f"start {number}"] = [asdict(event) for event in events]
            results.write()
    print("\n".join(drawing(events)))
    return 0


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line; `served` says how the service is started."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cold_start",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    parser.add_argument(
        "--starts", type=at_least_one, default=2, help="the first one fills the compile caches"
    )
    options = parser.parse_args(argv)
    try:
        options.served = served_by(options, "cold_start.log")
    except ValueError as error:
        parser.error(str(error))
    return options


if __name__ == "__main__":
    run_program(main)
