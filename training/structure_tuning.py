"""Trains the structure flow on, where the image decides: near time 1, when almost nothing of the shape is
visible.

    python -m training.structure_tuning --start FLOW --cache FILE --out FLOW --steps 4000

So many latents show their shape through the noise at times as low as 0.95 that a flow trained on the usual
times hardly learns what to do without seeing it. Needs no GPU; see `training.structure_cache`.
"""

import argparse
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, distributed, nn

from models.structure.flow import StructureFlow
from training.image_to_3d import NEAR_NOISE, SIGMA_MIN, STRUCTURE, mix, random_times
from training.loop import Average, TimedLoop, clip_and_step, load_matching, save_half

logger = logging.getLogger(__name__)
PURE_NOISE_SHARE = 0.4
NEAR_NOISE_SHARE = 0.45
DROP_CONDITION = 0.08


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningSettings:
    """What every worker must know; `meeting` is the address where they find each other."""

    start: Path
    cache: Path
    out: Path
    steps: int
    batch: int
    lr: float
    meeting: str


def late_times(count: int) -> Tensor:
    """Pure noise, nearly pure noise, and some of the usual times so that nothing is forgotten."""
    draw, near = torch.rand(count), NEAR_NOISE + (1 - NEAR_NOISE) * torch.rand(count)
    usual = random_times(count, "cpu")
    t = torch.where(draw < PURE_NOISE_SHARE + NEAR_NOISE_SHARE, near, usual)
    return torch.where(draw < PURE_NOISE_SHARE, torch.ones(count), t)


def train(rank: int, workers: int, settings: TuningSettings) -> None:
    """One of several equal workers of a thread each; gradients are averaged, the first one writes.

    Two workers of one thread use two cores better than one of two: small products do not split well.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(1)
    torch.manual_seed(rank)
    distributed.init_process_group("gloo", init_method=settings.meeting, rank=rank, world_size=workers)
    data = load_file(settings.cache)
    flow = StructureFlow(STRUCTURE)
    load_matching(flow, settings.start)
    parameters = list(flow.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=settings.lr, weight_decay=0.01, betas=(0.9, 0.98))
    average = Average({"structure_flow": flow}, decay=0.995)
    loop = TimedLoop("structure_tuning", 0.0, optimizer, max_steps=settings.steps)
    running = [torch.tensor(1.0), torch.tensor(0.3)]
    for step in loop:
        errors, t = tuning_errors(flow, data, settings.batch)
        errors.mean().backward()
        average_gradients(parameters, workers)
        clip_and_step(optimizer, parameters)
        average.update(step)
        for i, chosen in enumerate((t == 1, t < 1)):
            if chosen.any():
                running[i] = running[i].lerp(errors.detach()[chosen].mean(), 0.03)
        if rank == 0:
            loop.log({"pure_noise": running[0], "other": running[1]})
        if rank == 0 and step % 100 == 99:
            save_half(settings.out, average.state_dict("structure_flow"))
    if rank == 0:
        save_half(settings.out, average.state_dict("structure_flow"))
    distributed.destroy_process_group()


def tuning_errors(flow: StructureFlow, data: Mapping[str, Tensor], batch: int) -> tuple[Tensor, Tensor]:
    """Squared velocity error and time of each of `batch` random images."""
    rows = torch.randint(0, len(data["owner"]), (batch,))
    clean, cond = data["latents"][data["owner"][rows]].float(), data["tokens"][rows].float()
    cond = cond * (torch.rand(batch, 1, 1) > DROP_CONDITION)
    noise, t = torch.randn_like(clean), late_times(batch)
    with torch.autocast("cpu", torch.bfloat16):
        velocity = flow(mix(clean, noise, t[:, None, None, None, None]), 1000 * t, cond)
    return (velocity.float() - ((1 - SIGMA_MIN) * noise - clean)).square().mean((1, 2, 3, 4)), t


def average_gradients(parameters: Sequence[nn.Parameter], workers: int) -> None:
    """The mean over all workers, in one message."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    distributed.all_reduce(flat)
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient) / workers)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--start", type=Path, required=True, help="structure flow to start from")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=4, help="of each worker")
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--port", type=int, default=29541)
    a = parser.parse_args()
    settings = TuningSettings(
        start=a.start,
        cache=a.cache,
        out=a.out,
        steps=a.steps,
        batch=a.batch,
        lr=a.lr,
        meeting=f"tcp://127.0.0.1:{a.port}",
    )
    torch.multiprocessing.spawn(train, (a.workers, settings), nprocs=a.workers)


if __name__ == "__main__":
    main()
