"""CLIP ViT-L/14 and the aesthetics head on 16 views and a prompt."""

from collections.abc import Iterator
from functools import partial

import torch

from benchmarks.bench import Case, Lab, Work, run_stages
from benchmarks.measure import Call
from command_line.running import run_program

FLOPS = 16 * 257 * 24 * (24 * 1024**2 + 4 * 257 * 1024)


def cases(lab: Lab) -> Iterator[Case]:
    for objects in (1, 4):  # the service judges at most 4 at once
        yield Case(
            name=f"scores, batch {objects}",
            build=partial(_score, lab, objects),
            work=Work(flops=objects * FLOPS),
        )


def _score(lab: Lab, objects: int) -> Call:
    shape = (lab.sizes.views, lab.sizes.view_size, lab.sizes.view_size, 3)
    views = [torch.randint(0, 256, shape, dtype=torch.uint8, device=lab.device)] * objects
    return lambda: lab.scorer.score(["a pink bicycle"] * objects, views)


if __name__ == "__main__":
    run_program(lambda: int(run_stages(["clip"]) > 0))
