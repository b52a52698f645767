"""Latent flow: 12 steps with guidance as published, and single evaluations."""

import sys
from collections.abc import Iterator
from functools import partial

from benchmarks.bench import LATENTS, Case, Lab, run_stages
from benchmarks.floors import flow_flops, schedule_flops
from benchmarks.measure import Call
from models.sampling import LatentField
from models.sampling.schedule import schedule


def cases(lab: Lab) -> Iterator[Case]:
    guided = sum(step.guidance > 0 for step in schedule(LATENTS))
    tokens = len(lab.grid().downsampled.coarse)
    flops = schedule_flops(tokens, guided_steps=guided, plain_steps=LATENTS.steps - guided)
    yield Case(name="guided step, plain", build=partial(_step, lab), flops=flow_flops(tokens, guided=True))
    yield Case(name="12 steps, plain", build=partial(_stage, lab), flops=flops, runs=5, profiled=False)


def _step(lab: Lab) -> Call:
    field = LatentField(lab.image_to_3d.stages.latent_flow, lab.grid(), [lab.condition()], LATENTS)
    x = lab.noise(lab.voxels, 8)
    return lambda: field.guided(x, 0, 0)


def _stage(lab: Lab, objects: int = 1) -> Call:
    noise, cond = lab.noise(objects * lab.voxels, 8), lab.condition(objects)
    return lambda: lab.image_to_3d.stages.sample_latents(cond, lab.grid(objects), noise, LATENTS)


if __name__ == "__main__":
    sys.exit(run_stages(["latent_flow"]) > 0)
