"""Clean-up of decoded splats, and their PLY file's bytes."""

import sys
from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Case, Lab, run_stages
from benchmarks.measure import Call
from export.ply import write_ply
from models.gaussians.cleanup import clean_up
from models.gaussians.gaussians import Gaussians
from models.sparse import SparseTensor


def decoded(lab: Lab) -> Gaussians:
    """Splats of the decoder with random weights."""
    latents = SparseTensor(grid=lab.grid(), feats=lab.noise(lab.voxels, 8))
    return lab.image_to_3d.decode_gaussians(latents)[0]


def cases(lab: Lab) -> Iterator[Case]:
    size = lab.voxels * 32 * 14 * 4
    yield Case(name="clean-up", build=partial(_clean, lab), moved_bytes=2 * size)
    yield Case(name="PLY bytes", build=partial(_write, lab), moved_bytes=2 * size)


def _clean(lab: Lab) -> Call:
    splats = decoded(lab)
    return lambda: clean_up(splats)


def _write(lab: Lab) -> Call:
    splats = clean_up(decoded(lab))
    return lambda: write_ply(splats)


if __name__ == "__main__":
    sys.exit(run_stages(["clean_up"]) > 0)
