"""Validation's renders: some views of the cleaned splats."""

from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Case, Lab, Work, run_stages
from benchmarks.measure import Call
from command_line.running import run_program
from models.gaussians.cleanup import clean_up
from rendering.cameras import orbit
from rendering.renderer import create_renderer


def cases(lab: Lab) -> Iterator[Case]:
    views = lab.sizes.views
    for size in (lab.sizes.view_size, 518):
        # every view reads all splats and writes its pixels
        work = Work(moved_bytes=views * (lab.splat_bytes + 3 * size**2))
        yield Case(name=f"{views} views at {size} px", build=partial(_render, lab, size), work=work)


def _render(lab: Lab, size: int) -> Call:
    splats, renderer, cameras = (
        clean_up(lab.decode()),
        create_renderer(lab.device),
        orbit(lab.sizes.views, size=size),
    )
    return lambda: renderer.render(splats, cameras)


if __name__ == "__main__":
    run_program(lambda: int(run_stages(["views"]) > 0))
