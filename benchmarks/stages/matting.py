"""Matting: an RGB image on the host to RGBA on the host, ISNet at 1024 px."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.bench import Case, Lab, Work, run_stages
from benchmarks.measure import Call
from command_line.running import run_program

FLOPS = 0.319e12


def cases(lab: Lab) -> Iterator[Case]:
    for images in (1, 4):
        yield Case(
            name=f"cut out, batch {images}", build=partial(_cut, lab, images), work=Work(flops=images * FLOPS)
        )


def _cut(lab: Lab, images: int) -> Call:
    side = lab.sizes.image
    pixels = [np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)] * images
    return lambda: lab.matting.cut_out(pixels)


if __name__ == "__main__":
    run_program(lambda: int(run_stages(["matting"]) > 0))
