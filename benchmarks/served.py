"""The real service, started for a measurement: which weights, which settings, which caches.

With random weights of the published shapes nothing that is drawn means anything, so every threshold of the
validation is lowered until all passes, and nothing is tried twice.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from command_line.arguments import at_least_one, out_folder, port_number
from scripts.local_service import SERVICE, local_service

UNENCODED = "benchmarks.unencoded_service:Miner"
START_LIMIT_SECONDS = 540.0
SHELL_VOXELS = 16_040
PREFIX = "MINER__"
PASS_ANYTHING = {
    "MINER__VALIDATION__ALIGNMENT": "-1",
    "MINER__VALIDATION__AESTHETICS": "-10",
    "MINER__VALIDATION__SIMILARITY": "-1",
    "MINER__VALIDATION__MIN_SPLATS": "0",
    "MINER__VALIDATION__MAX_RETRIES": "0",
    "BENTOML_DO_NOT_TRACK": "True",
    "BENTOML_DISABLE_GPU_ALLOCATION": "1",
}
CACHES = {  # what compilers keep on disk
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "CUDA_CACHE_PATH": "cuda",
    "NUMBA_CACHE_DIR": "numba",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """How the service is started.

    Attributes:
        port: Of this machine.
        log: Takes its output.
        profile: One of the configuration's; None leaves the choice to it.
        voxels: Weights are random and every object is a shell of so many voxels; None takes real weights.
        settings: Configuration values by their dotted key, such as render.fps.
        environment: Variables that win over this process's own, as `settings` do.
        encoder: Whether videos are encoded; if not, the machine needs no ffmpeg.
        caches: Folder for the compilers' caches; None leaves them where they are.
        target: Another service than the real one.
    """

    port: int
    log: Path
    profile: str | None = None
    voxels: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    encoder: bool = True
    caches: Path | None = None
    target: str = SERVICE

    def variables(self) -> dict[str, str]:
        """Its environment."""
        chosen = {"MINER__PROFILE": self.profile} if self.profile else {}
        if self.voxels is not None:
            chosen["WEIGHTS"] = f"random:{self.voxels}"
        caches = {name: str(self.caches / folder) for name, folder in CACHES.items()} if self.caches else {}
        lowered = PASS_ANYTHING if self.voxels is not None else {}
        overrides = {variable_of(key): value for key, value in self.settings.items()}
        return {**lowered, **os.environ, **caches, **chosen, **self.environment, **overrides}


@contextmanager
def started(served: Served) -> Iterator[float]:
    """Runs the service inside the block; gives the seconds from the start of its process until /readyz."""
    target = served.target if served.encoder else UNENCODED
    begun = time.perf_counter()
    with local_service(
        served.port,
        served.log,
        target=target,
        environment=served.variables(),
        ready_seconds=START_LIMIT_SECONDS,
    ):
        yield time.perf_counter() - begun


@contextmanager
def empty_caches() -> Iterator[Path]:
    """A new folder for compilers' caches, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="compile-caches-") as folder:
        yield Path(folder)


def variable_of(key: str) -> str:
    """The environment variable of a configuration key: render.fps -> MINER__RENDER__FPS."""
    return PREFIX + key.removeprefix(PREFIX).upper().replace(".", "__")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The part of a command line that says how the service is started; `served_by` reads it."""
    add = parser.add_argument
    add("--port", type=port_number, default=8093)
    add("--random", action="store_true", help="random weights of the published shapes; every result passes")
    add("--voxels", type=at_least_one, default=SHELL_VOXELS, help="with --random: of every object")
    add("--profile", help="embedded, 24gb or 80gb; by default the configuration's")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="such as image_to_3d.fast_paths=true")
    add("--no-encoder", action="store_true", help="render videos without encoding them")
    add("--out", type=out_folder, help="folder for the results and the service's log")


def served_by(options: argparse.Namespace, log: str) -> Served:
    """How a command line wants the service, which logs to that name in the folder of the results.

    Raises:
        ValueError: One of --set has no `=`.
    """
    return Served(
        port=options.port,
        log=(options.out or Path("out")) / log,
        profile=options.profile,
        voxels=options.voxels if options.random else None,
        settings=parse_settings(options.set),
        encoder=not options.no_encoder,
    )


def parse_settings(pairs: Sequence[str]) -> dict[str, str]:
    """KEY=VALUE arguments.

    Raises:
        ValueError: One has no `=`.
    """
    split = [pair.partition("=") for pair in pairs]
    if wrong := [key for key, equals, _ in split if not (key and equals)]:
        raise ValueError(f"KEY=VALUE is wanted, not {', '.join(wrong)}")
    return {key: value for key, _, value in split}
