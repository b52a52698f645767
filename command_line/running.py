"""How programs end: with a status, or with one sentence about what their user can mend."""

import io
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from command_line.places import ROOT

INSTALLED = "site-packages"  # a virtual environment may lie inside the project
OWN_ERRORS = ("configuration.", "models.", "runners.", "scripts.", "export.", "rendering.", "validation.")
STOPPED = 130  # what shells call the end by Ctrl-C


def run_program(main: Callable[[], int | None]) -> NoReturn:
    """Runs a program and ends the process.

    A traceback is kept for faults of the program. Files and addresses that cannot be used, and whatever the
    project's own code raises on purpose about outside input, become one sentence on stderr and status 1.

    Args:
        main: Gives the exit status, None for 0.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file name may not fit the terminal's encoding
    try:
        status = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)  # noqa: T201
        end_now()
    except BrokenPipeError:  # such as `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if not is_about_input(error):
            raise
        sys.exit(f"error: {sentence(error)}")
    sys.exit(status)


def end_now() -> NoReturn:
    """Ends the process by Ctrl-C's status without waiting for threads, which may hang in a read for long."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(STOPPED)


def is_about_input(error: Exception) -> bool:
    """Whether a user can mend it: an error of the system, or one that our own code raised on purpose."""
    if isinstance(error, OSError):
        return True
    *_, last = traceback.extract_tb(error.__traceback__)
    raised_in = Path(last.filename)
    on_purpose = raised_in.is_relative_to(ROOT) and INSTALLED not in raised_in.relative_to(ROOT).parts
    on_purpose = on_purpose and (last.line or "").startswith("raise ")
    return on_purpose and (isinstance(error, ValueError) or type(error).__module__.startswith(OWN_ERRORS))


def sentence(error: Exception) -> str:
    """An error as a person reads it; the system's name the file first."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__
