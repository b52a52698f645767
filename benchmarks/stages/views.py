"""Validation's renders: 16 views of the cleaned splats."""

import sys
from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Case, Lab, run_stages
from benchmarks.measure import Call
from models.gaussians.cleanup import clean_up
from rendering.cameras import orbit
from rendering.renderer import create_renderer


def cases(lab: Lab) -> Iterator[Case]:
    for size in (224, 518):
        yield Case(name=f"16 views at {size} px", build=partial(_render, lab, size))


def _render(lab: Lab, size: int) -> Call:
    from benchmarks.stages.clean_up import decoded

    splats, renderer, cameras = clean_up(decoded(lab)), create_renderer(lab.device), orbit(16, size=size)
    return lambda: renderer.render(splats, cameras)


if __name__ == "__main__":
    sys.exit(run_stages(["views"]) > 0)
