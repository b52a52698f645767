"""Results that are on disk as soon as they are known, and their comparison with an earlier run's."""

import json
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from command_line.names import set_aside

FAILURE_CHARACTERS = 500


class Results:
    """A report that grows; a killed run leaves what it has."""

    def __init__(self, folder: Path | None, name: str) -> None:
        """Takes the folder for `name`.json, if there is to be a file."""
        self.content: dict[str, Any] = {}
        self._file = folder / f"{name}.json" if folder else None
        self._begun = False

    def put(self, key: str, value: object) -> None:
        """Adds one result, prints it and writes the file."""
        self.content[key] = value
        print(f"{key}: {value}", flush=True)
        self.write()

    def write(self) -> None:
        """Writes the file in one step: a reader sees the old one or the new one.

        An earlier run's file is kept under another name.
        """
        if self._file:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            if not self._begun:
                tell_set_aside(self._file)
                self._begun = True
            fresh = self._file.with_suffix(".new")
            fresh.write_text(json.dumps(self.content, indent=1) + "\n", encoding="utf-8")
            fresh.replace(self._file)


def tell_set_aside(*files: Path) -> None:
    """Renames what an earlier run left where results will be written, and says so."""
    for file in files:
        if (aside := set_aside(file)) is not None:
            print(f"{file} of an earlier run is {aside.name} now", flush=True)


def failure(error: Exception) -> dict[str, str]:
    """A row that says what went wrong; the traceback is printed."""
    traceback.print_exception(error, file=sys.stdout)
    return {"failed": f"{type(error).__name__}: {error}"[:FAILURE_CHARACTERS]}


def command_line(arguments: Sequence[str] | None = None) -> str:
    """The command that this process runs, as one types it, whatever folder it lies in."""
    module = getattr(sys.modules["__main__"], "__spec__", None)
    name = module.name.removesuffix(".__main__") if module else Path(sys.argv[0]).stem
    return " ".join(["python", "-m", name, *(sys.argv[1:] if arguments is None else arguments)])


def read_report(file: Path) -> dict[str, Any]:
    """A report: a JSON file, or a run's output whose last line is JSON.

    Raises:
        ValueError: The file is neither.
        OSError: It cannot be read.
    """
    text = file.read_text(encoding="utf-8", errors="replace")
    for candidate in (text, *text.strip().splitlines()[-1:]):
        try:
            report = json.loads(candidate)
        except json.JSONDecodeError:
            continue
        if isinstance(report, dict):
            return report
    raise ValueError(f"{file} holds no report: neither it nor its last line is a JSON object")


def comparison(old: Mapping[str, Any], new: Mapping[str, Any], *, without: Sequence[str] = ()) -> list[str]:
    """A line for each number that both reports have: before, after, change.

    Args:
        old: An earlier report.
        new: This one.
        without: Names that are left out wherever they stand, with all below them.
    """
    before = dict(numbers(old))
    return [
        f"{name:60} {before[name]:>12g} -> {value:<12g} {_change(before[name], value)}"
        for name, value in numbers(new)
        if name in before and not set(without).intersection(name.split("."))
    ]


def numbers(report: object, name: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a report by its dotted name; items of a list by their place."""
    if isinstance(report, Mapping):
        parts = [(str(key), value) for key, value in report.items()]
    elif isinstance(report, Sequence) and not isinstance(report, str):
        parts = [(str(i), value) for i, value in enumerate(report)]
    else:
        if isinstance(report, (int, float)) and not isinstance(report, bool):
            yield name, float(report)
        return
    for key, value in parts:
        yield from numbers(value, f"{name}.{key}" if name else key)


def _change(old: float, new: float) -> str:
    return f"{100 * (new / old - 1):+.1f} %" if old else ""
