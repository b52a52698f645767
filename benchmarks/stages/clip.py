"""CLIP ViT-L/14 and the aesthetics head on 16 views and a prompt."""

import sys
from collections.abc import Iterator
from functools import partial

import torch

from benchmarks.bench import Case, Lab, run_stages
from benchmarks.measure import Call

FLOPS = 16 * 257 * 24 * (24 * 1024**2 + 4 * 257 * 1024)


def cases(lab: Lab) -> Iterator[Case]:
    for objects in (1, 4):
        yield Case(
            name=f"scores, batch {objects}", build=partial(_score, lab, objects), flops=objects * FLOPS
        )


def _score(lab: Lab, objects: int) -> Call:
    from validation.scorer import Scorer

    scorer = Scorer.load(lab.weights / "validation", device=lab.device, dtype=lab.half)
    views = [torch.randint(0, 256, (16, 224, 224, 3), dtype=torch.uint8, device=lab.device)] * objects
    return lambda: scorer.score(["a pink bicycle"] * objects, views)


if __name__ == "__main__":
    sys.exit(run_stages(["clip"]) > 0)
