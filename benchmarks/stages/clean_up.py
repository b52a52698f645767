"""Clean-up of decoded splats, and their PLY file's bytes."""

from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Case, Lab, Work, run_stages
from benchmarks.measure import Call
from command_line.running import run_program
from export.ply import PROPERTIES, write_ply
from models.gaussians.cleanup import clean_up


def ply_bytes(lab: Lab) -> int:
    """Size of the file: 17 columns, of which the normals are zero."""
    return lab.splat_bytes * len(PROPERTIES) // 14


def cases(lab: Lab) -> Iterator[Case]:
    size = lab.splat_bytes
    yield Case(name="clean-up", build=partial(_clean, lab), work=Work(moved_bytes=2 * size))
    yield Case(name="PLY bytes", build=partial(_write, lab), work=Work(transferred_bytes=ply_bytes(lab)))


def _clean(lab: Lab) -> Call:
    splats = lab.decode()
    return lambda: clean_up(splats)


def _write(lab: Lab) -> Call:
    splats = clean_up(lab.decode())
    return lambda: write_ply(splats)


if __name__ == "__main__":
    run_program(lambda: int(run_stages(["clean_up"]) > 0))
