"""Types for argparse: what a person types becomes a value, or one sentence says what is wrong with it."""

import argparse
import re
from collections.abc import Callable, Collection
from pathlib import Path

MAX_PORT = 65535
DEVICE = re.compile(r"cpu|cuda(:\d+)?")


def user_path(text: str) -> Path:
    """A path as a shell reads it: `~` is the home, `~name` another user's, relative ones start here.

    Raises:
        ArgumentTypeError: It is empty, or there is no such user.
    """
    try:
        return expanded(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def expanded(text: str) -> Path:
    """A path with its `~` or `~name` replaced; shells leave that to programs behind `=` and in quotes.

    Raises:
        ValueError: It is empty, or there is no such user.
    """
    if not text.strip() or "\0" in text:
        raise ValueError("a path is missing")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError(f"{text}: no home folder of {text.partition('/')[0]} is known") from None


def port_number(text: str) -> int:
    """A port that one can listen on or connect to."""
    return whole(1, MAX_PORT)(text)


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """A whole number within bounds, both included."""
    bounds = f"a whole number from {least}" + (f" to {most}" if most is not None else "")

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {bounds}") from None
        if value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"{text} is not {bounds}")
        return value

    return parse


at_least_one = whole(1)
"""How many: at least one."""


def number(least: float, most: float) -> Callable[[str], float]:
    """A number within bounds, both included."""
    bounds = f"a number from {least:g} to {most:g}"

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {bounds}") from None
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not {bounds}")
        return value

    return parse


def words(allowed: Collection[str]) -> Callable[[str], list[str]]:
    """Some of the allowed words, between commas."""

    def parse(text: str) -> list[str]:
        found = [word.strip() for word in text.split(",") if word.strip()]
        if unknown := [word for word in found if word not in allowed]:
            raise argparse.ArgumentTypeError(
                f"{', '.join(map(repr, unknown))}: not one of {', '.join(allowed)}"
            )
        return found

    return parse


def positive(text: str) -> float:
    """A number above zero, such as of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def device_name(text: str) -> str:
    """A device that torch can use on this machine."""
    import torch

    if not DEVICE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not cpu, cuda or cuda:NUMBER")
    number = int(text.partition(":")[2] or 0)
    if text != "cpu" and number >= torch.cuda.device_count():
        raise argparse.ArgumentTypeError(f"{text}: torch finds {torch.cuda.device_count()} CUDA devices here")
    return text


def out_folder(text: str) -> Path:
    """A folder for results, known before the work that they cost: it is made at once.

    Raises:
        ArgumentTypeError: It is a file, or cannot be made or written to.
    """
    folder = user_path(text)
    try:
        make_writable(folder)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot write to {folder}: {error.strerror or error}") from None
    return folder


def make_writable(folder: Path) -> None:
    """Makes a folder and tries it with a file.

    Raises:
        OSError: A file stands in its way, or nothing can be written there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / ".writable"
    probe.touch()
    probe.unlink(missing_ok=True)
