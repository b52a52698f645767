"""Structure flow: 12 steps with guidance as published, and single evaluations."""

from collections.abc import Iterator
from functools import partial

import torch

from benchmarks.bench import Case, Lab, Work, error_of_first, run_stages
from benchmarks.floors import flow_flops, schedule_flops
from benchmarks.lab import STRUCTURE
from benchmarks.measure import Call
from command_line.running import run_program
from models.fast.plan import Switches
from models.sampling.schedule import schedule

TOKENS = 4096
GUIDED = Work(flops=flow_flops(TOKENS, guided=True))
WAYS = {
    "plain": Switches(),
    "fused": Switches(blocks=True),
    "fused, flash": Switches(blocks=True, attention="flash"),
    "fused, cudnn": Switches(blocks=True, attention="cudnn"),
    "fused, recorded": Switches(blocks=True, graphs=True),
}


def cases(lab: Lab) -> Iterator[Case]:
    """All ways of one guided step, then of the whole stage."""
    plain: list[torch.Tensor] = []
    for name, switches in WAYS.items():
        actual: list[torch.Tensor] = []
        yield Case(
            name=f"guided step, {name}",
            build=partial(_step, lab, switches, actual, plain),
            work=GUIDED,
            error=partial(error_of_first, actual, plain),
        )
    yield from _stage_cases(lab)


def stage_work() -> Work:
    """Of the whole stage for one object."""
    guided = sum(step.guidance > 0 for step in schedule(STRUCTURE))
    return Work(flops=schedule_flops(TOKENS, guided_steps=guided, plain_steps=STRUCTURE.steps - guided))


def _stage_cases(lab: Lab) -> Iterator[Case]:
    for name in ("plain", "fused", "fused, recorded"):
        yield Case(
            name=f"12 steps, {name}",
            build=partial(_stage, lab, WAYS[name]),
            work=stage_work(),
            runs=6,
            profiled=False,
        )
    for objects in (2, 4):
        yield Case(
            name=f"12 steps, fused, batch {objects}",
            build=partial(_stage, lab, WAYS["fused"], objects),
            work=stage_work().times(objects),
            runs=3,
            profiled=False,
        )


def _step(lab: Lab, switches: Switches, actual: list[torch.Tensor], plain: list[torch.Tensor]) -> Call:
    x = lab.structure_noise()
    with lab.planned(switches).structure_field(lab.condition(), STRUCTURE) as field:
        actual.append(torch.cat(field.guided(x, 0)))
    if switches == Switches():
        plain.append(actual[0])
    return lambda: field.guided(x, 0)


def _stage(lab: Lab, switches: Switches, objects: int = 1) -> Call:
    noise, cond = lab.structure_noise(objects), lab.condition(objects)
    networks = lab.planned(switches)
    return lambda: lab.sample_structure(cond, noise, STRUCTURE, networks)


if __name__ == "__main__":
    run_program(lambda: int(run_stages(["structure_flow"]) > 0))
