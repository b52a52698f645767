"""Structure decoder: 16^3 latents to 64^3 logits and the list of occupied voxels."""

from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Case, Lab, Work, run_stages
from benchmarks.measure import Call
from command_line.running import run_program
from models.structure import occupied_voxels

FLOPS = 0.813e12


def cases(lab: Lab) -> Iterator[Case]:
    for objects in (1, 4):
        yield Case(
            name=f"logits and voxels, batch {objects}",
            build=partial(_decode, lab, objects),
            work=Work(flops=objects * FLOPS),
        )


def _decode(lab: Lab, objects: int) -> Call:
    z, modules = lab.structure_noise(objects), lab.networks.modules
    return lambda: occupied_voxels(modules.structure_decoder(z))


if __name__ == "__main__":
    run_program(lambda: int(run_stages(["structure_decoder"]) > 0))
