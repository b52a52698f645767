"""Passing a PLY file through memory: the runner writes it, validation reads it, the gateway reads it."""

import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch

from benchmarks.bench import Case, Lab, Work, run_stages
from benchmarks.measure import Call
from command_line.running import run_program
from export.ply import read_ply, write_ply
from models.gaussians.cleanup import clean_up
from runners.handover import fill, make_room
from runners.life.folders import SHARED_MEMORY


def cases(lab: Lab) -> Iterator[Case]:
    splats = clean_up(lab.decode())
    data = write_ply(splats)
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as folder:
        file = Path(folder, "object.ply")
        file.write_bytes(data)
        work = Work(host_bytes=2 * len(data))

        def emptied(action: Callable[[], None]) -> None:
            os.truncate(file, 0)
            action()

        write, make = partial(fill, str(file), data), partial(make_room, str(file), len(data))
        yield Case(name="make room", build=lambda: partial(emptied, make))
        yield Case(name="write bytes", build=lambda: partial(emptied, write), work=work)
        yield Case(name="write bytes where room was made", build=lambda: write, work=work)
        yield Case(name="gateway reads the file", build=lambda: file.read_bytes, work=work)
        yield Case(
            name="validation reads the splats",
            build=lambda: lambda: read_ply(file.read_bytes(), device=lab.device),
            work=Work(transferred_bytes=len(data)),
        )
        if lab.device.type == "cuda":
            yield from _transfers(lab, len(data) // 4, file)


def _transfers(lab: Lab, floats: int, file: Path) -> Iterator[Case]:
    on_gpu = torch.randn(floats, device=lab.device)
    pinned = torch.empty(floats, pin_memory=True)

    def mapped() -> Call:
        def run() -> None:
            with file.open("r+b") as handle:
                handle.truncate(4 * floats)  # torch maps whole files
            torch.from_file(str(file), shared=True, size=floats).copy_(on_gpu)

        return run

    def upload() -> Call:
        return lambda: torch.from_file(str(file), shared=True, size=floats).to(lab.device)

    def staged() -> Call:
        def run() -> None:  # into memory that the file has already
            pinned.copy_(on_gpu)
            fill(str(file), memoryview(pinned.numpy()).cast("B"))  # type: ignore[arg-type]

        return run

    work = Work(transferred_bytes=4 * floats)
    yield Case(name="GPU to pinned memory", build=lambda: lambda: pinned.copy_(on_gpu), work=work)
    yield Case(name="GPU to pinned memory to file", build=staged, work=work)
    yield Case(name="GPU to the mapped file", build=mapped, work=work)
    yield Case(name="mapped file to GPU", build=upload, work=work)


if __name__ == "__main__":
    run_program(lambda: int(run_stages(["hand_over"]) > 0))
