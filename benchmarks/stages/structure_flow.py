"""Structure flow: 12 steps with guidance as published, and single evaluations."""

import sys
from collections.abc import Iterator
from functools import partial

from benchmarks.bench import STRUCTURE, Case, Lab, run_stages
from benchmarks.floors import flow_flops, schedule_flops
from benchmarks.measure import Call
from models.sampling import StructureField
from models.sampling.schedule import schedule

TOKENS = 4096


def cases(lab: Lab) -> Iterator[Case]:
    guided = sum(step.guidance > 0 for step in schedule(STRUCTURE))
    flops = schedule_flops(TOKENS, guided_steps=guided, plain_steps=STRUCTURE.steps - guided)
    yield Case(
        name="guided step, plain",
        build=partial(_step, lab, guided=True),
        flops=flow_flops(TOKENS, guided=True),
    )
    yield Case(name="12 steps, plain", build=partial(_stage, lab), flops=flops, runs=5, profiled=False)


def _step(lab: Lab, *, guided: bool) -> Call:
    field = StructureField(lab.image_to_3d.stages.structure_flow, [lab.condition()], STRUCTURE)
    x = lab.noise(1, 8, 16, 16, 16)
    return (lambda: field.guided(x, 0, 0)) if guided else (lambda: field.conditional(x, 0, 0))


def _stage(lab: Lab, objects: int = 1) -> Call:
    noise, cond = lab.noise(objects, 8, 16, 16, 16), lab.condition(objects)
    return lambda: lab.image_to_3d.stages.sample_structure(cond, noise, STRUCTURE)


if __name__ == "__main__":
    sys.exit(run_stages(["structure_flow"]) > 0)
