"""The commands of an installed wheel, whose folder is put in front of the import path.

Only these processes see names as common as `models` and `scripts`; no other program of the environment does.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]


def serve() -> NoReturn:
    """`fast3d-serve [OPTIONS]`: becomes `bentoml serve`, and takes its options."""
    _run(_become_bentoml)


def generate() -> NoReturn:
    """`fast3d-generate PROMPT [OPTIONS]`: asks a service for one object and writes its files."""

    def program() -> None:
        from scripts.generate import main

        main()

    _run(program)


def validate() -> NoReturn:
    """`fast3d-validate FILE... [OPTIONS]`: judges files of splats."""

    def program() -> int:
        from scripts.validate import main

        return main()

    _run(program)


def weights() -> NoReturn:
    """`fast3d-weights [OPTIONS]`: fetches a profile's published weights."""

    def program() -> int:
        from scripts.download_weights import program

        return program()

    _run(program)


def _become_bentoml() -> NoReturn:
    """Paths of the environment start where one stands: BentoML moves into the folder that it serves."""
    from configuration.reader import absolute_paths

    environment = {"BENTOML_DO_NOT_TRACK": "True", **os.environ, **absolute_paths(os.environ)}
    command = [sys.executable, "-m", "bentoml", "serve", *sys.argv[1:], str(ROOT)]
    os.execve(sys.executable, command, environment)


def _run(program: Callable[[], int | None]) -> NoReturn:
    sys.path.insert(0, str(ROOT))
    from command_line.running import run_program

    run_program(program)
