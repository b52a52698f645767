"""Structure flow: 12 steps with guidance as published, and single evaluations."""

import sys
from collections.abc import Iterator
from functools import partial

import torch

from benchmarks.bench import STRUCTURE, Case, Lab, error_of_first, run_stages
from benchmarks.floors import flow_flops, schedule_flops
from benchmarks.measure import Call
from models.acceleration import Switches, accelerate_structure_flow
from models.sampling import StructureField
from models.sampling.schedule import schedule

TOKENS = 4096
WAYS = {
    "plain": Switches(),
    "compiled": Switches(blocks=True),
    "compiled, flash": Switches(blocks=True, attention="flash"),
    "compiled, cudnn": Switches(blocks=True, attention="cudnn"),
}


def cases(lab: Lab) -> Iterator[Case]:
    """All ways of one guided step, then of the whole stage."""
    plain: list[torch.Tensor] = []
    for name, switches in WAYS.items():
        actual: list[torch.Tensor] = []
        yield Case(
            name=f"guided step, {name}",
            build=partial(_step, lab, switches, actual, plain),
            flops=flow_flops(TOKENS, guided=True),
            error=partial(error_of_first, actual, plain),
        )
    yield Case(
        name="guided step, compiled, graph",
        build=partial(_graphed_step, lab),
        flops=flow_flops(TOKENS, guided=True),
        profiled=False,
    )
    guided = sum(step.guidance > 0 for step in schedule(STRUCTURE))
    flops = schedule_flops(TOKENS, guided_steps=guided, plain_steps=STRUCTURE.steps - guided)
    for name in ("plain", "compiled"):
        yield Case(
            name=f"12 steps, {name}",
            build=partial(_stage, lab, WAYS[name]),
            flops=flops,
            runs=6,
            profiled=False,
        )
    for objects in (2, 4):
        yield Case(
            name=f"12 steps, compiled, batch {objects}",
            build=partial(_stage, lab, WAYS["compiled"], objects),
            flops=objects * flops,
            runs=3,
            profiled=False,
        )


def _step(lab: Lab, switches: Switches, actual: list[torch.Tensor], plain: list[torch.Tensor]) -> Call:
    flow = lab.image_to_3d.stages.structure_flow
    accelerate_structure_flow(flow, switches)
    field = StructureField(flow, [lab.condition()], STRUCTURE)
    x = lab.noise(1, 8, 16, 16, 16)
    actual.append(torch.cat(field.guided(x, 0, 0)))
    if not plain:
        plain.append(actual[0])
    return lambda: field.guided(x, 0, 0)


def _graphed_step(lab: Lab) -> Call:
    accelerate_structure_flow(lab.image_to_3d.stages.structure_flow, WAYS["compiled"])
    field = StructureField(lab.image_to_3d.stages.structure_flow, [lab.condition()], STRUCTURE)
    x = lab.noise(1, 8, 16, 16, 16)
    for _ in range(3):
        field.guided(x, 0, 0)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        field.guided(x, 0, 0)
    return lambda: graph.replay()


def _stage(lab: Lab, switches: Switches, objects: int = 1) -> Call:
    accelerate_structure_flow(lab.image_to_3d.stages.structure_flow, switches)
    noise, cond = lab.noise(objects, 8, 16, 16, 16), lab.condition(objects)
    return lambda: lab.image_to_3d.stages.sample_structure(cond, noise, STRUCTURE)


if __name__ == "__main__":
    sys.exit(run_stages(["structure_flow"]) > 0)
