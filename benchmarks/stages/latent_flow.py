"""Latent flow: 12 steps with guidance as published, and single evaluations."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch

from benchmarks.bench import Case, Lab, Work, error_of_first, run_stages
from benchmarks.floors import flow_flops, schedule_flops
from benchmarks.lab import LATENTS
from benchmarks.measure import Call
from command_line.running import run_program
from models.fast.plan import Switches
from models.sampling.schedule import schedule

BLOCKS = Switches(blocks=True)
ALL = Switches(blocks=True, residuals=True)
WAYS = {
    "plain": Switches(),
    "fused residuals": Switches(residuals=True),
    "fused blocks": BLOCKS,
    "fused": ALL,
    "fused, cudnn": replace(ALL, attention="cudnn"),
    "fused, recorded": replace(ALL, graphs=True),
}


def cases(lab: Lab) -> Iterator[Case]:
    """All ways of one guided step, then of the whole stage, then more objects and other sizes."""
    plain: list[torch.Tensor] = []
    tokens = len(lab.grid().downsampled.coarse)
    for name, switches in WAYS.items():
        actual: list[torch.Tensor] = []
        yield Case(
            name=f"guided step of {tokens} tokens, {name}",
            build=partial(_step, lab, switches, actual, plain),
            work=Work(flops=flow_flops(tokens, guided=True)),
            error=partial(error_of_first, actual, plain),
        )
    for name in ("plain", "fused", "fused, recorded"):
        yield Case(
            name=f"12 steps, {name}",
            build=partial(_stage, lab, WAYS[name]),
            work=stage_work(tokens),
            runs=6,
            profiled=False,
        )
    for voxels in (8_000, 32_000, 64_000):
        few = len(lab.grid(voxels=voxels).downsampled.coarse)
        yield Case(
            name=f"12 steps, fused, recorded, {voxels} voxels",
            build=partial(_stage, lab, WAYS["fused, recorded"], 1, voxels),
            work=stage_work(few),
            runs=3,
            profiled=False,
        )
    for objects in (2, 4):
        yield Case(
            name=f"12 steps, fused, batch {objects}",
            build=partial(_stage, lab, ALL, objects),
            work=stage_work(tokens).times(objects),
            runs=3,
            profiled=False,
        )


def stage_work(tokens: int) -> Work:
    """Of the whole stage for one object; the convolutions, some percent of it, are left out."""
    guided = sum(step.guidance > 0 for step in schedule(LATENTS))
    return Work(flops=schedule_flops(tokens, guided_steps=guided, plain_steps=LATENTS.steps - guided))


def _step(lab: Lab, switches: Switches, actual: list[torch.Tensor], plain: list[torch.Tensor]) -> Call:
    x = lab.latent_noise()
    with lab.planned(switches).latent_field(lab.condition(), LATENTS)(lab.grid()) as field:
        actual.append(torch.cat(field.guided(x, 0)))
    if switches == Switches():
        plain.append(actual[0])
    return lambda: field.guided(x, 0)


def _stage(lab: Lab, switches: Switches, objects: int = 1, voxels: int | None = None) -> Call:
    networks = lab.planned(switches)
    noise = lab.latent_noise(objects, voxels)
    cond = lab.condition(objects)
    return lambda: lab.sample_latents(cond, lab.grid(objects, voxels), noise, LATENTS, networks)


if __name__ == "__main__":
    run_program(lambda: int(run_stages(["latent_flow"]) > 0))
