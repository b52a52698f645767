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
import torch.multiprocessing as multiprocessing
from safetensors.torch import load_file
from torch import Tensor, distributed, nn

from models.layers import FINAL_EPS, layer_norm
from models.sparse import uniform_segments
from models.structure.flow import StructureFlow, patchify
from training.image_to_3d import SIGMA_MIN, STRUCTURE, mix, random_times
from training.loop import Average, TimedLoop, clip_and_step, load_matching, save_half

logger = logging.getLogger(__name__)
PURE_NOISE_SHARE = 0.5
LATEST = 0.94
USUAL_EVERY = 2


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
    """Pure noise, and nearly pure noise."""
    near = LATEST + (1 - LATEST) * torch.rand(count)
    return torch.where(torch.rand(count) < PURE_NOISE_SHARE, torch.ones(count), near)


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
        is_usual = step % USUAL_EVERY == 0
        errors = (usual_errors if is_usual else late_errors)(
            flow, data, settings.batch // (4 if is_usual else 1)
        )
        errors.mean().backward()
        average_gradients(parameters, workers)
        clip_and_step(optimizer, parameters)
        average.update(step)
        running[is_usual] = running[is_usual].lerp(errors.detach().mean(), 0.03 if step > 50 else 0.3)
        if rank == 0:
            loop.log({"late": running[0], "usual": running[1]})
        if rank == 0 and step % 100 == 99:
            save_half(settings.out, average.state_dict("structure_flow"))
    if rank == 0:
        save_half(settings.out, average.state_dict("structure_flow"))
    distributed.destroy_process_group()


def usual_errors(flow: StructureFlow, data: Mapping[str, Tensor], batch: int) -> Tensor:
    """Squared velocity error of random images at the usual times, so that nothing is forgotten."""
    clean, cond = draw(data, batch)
    noise, t = torch.randn_like(clean), random_times(batch, "cpu")
    with torch.autocast("cpu", torch.bfloat16):
        velocity = flow(mix(clean, noise, t[:, None, None, None, None]), 1000 * t, cond)
    return (velocity.float() - ((1 - SIGMA_MIN) * noise - clean)).square().mean((1, 2, 3, 4))


def late_errors(flow: StructureFlow, data: Mapping[str, Tensor], batch: int) -> Tensor:
    """Squared velocity error near pure noise, on a random quarter of the tokens.

    Tokens learn little from each other there, so that a quarter of them teaches nearly as much as all.
    """
    clean, cond = draw(data, batch)
    noise, t = torch.randn_like(clean), late_times(batch)
    patch = flow.config.patch_size
    some = torch.randperm(flow.config.num_tokens)[: flow.config.num_tokens // 4]
    noisy = patchify(mix(clean, noise, t[:, None, None, None, None]), patch)[:, some]
    target = patchify((1 - SIGMA_MIN) * noise - clean, patch)[:, some]
    objects = uniform_segments(batch, len(some), noisy.device)
    with torch.autocast("cpu", torch.bfloat16):
        h = (flow.input_layer(noisy) + flow.pos_emb[some]).flatten(0, 1)
        for block, modulation in zip(flow.blocks, flow.modulations(1000 * t), strict=True):
            h = block(h, modulation, objects, block.cross_attn.project(cond, objects))
        velocity = flow.out_layer(layer_norm(h.float(), FINAL_EPS)).unflatten(0, (batch, -1))
    return (velocity.float() - target).square().mean((1, 2))


def draw(data: Mapping[str, Tensor], batch: int) -> tuple[Tensor, Tensor]:
    """Structure latents and image tokens of random images."""
    rows = torch.randint(0, len(data["owner"]), (batch,))
    return data["latents"][data["owner"][rows]].float(), data["tokens"][rows].float()


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
    parser.add_argument("--batch", type=int, default=16, help="of each worker")
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
    multiprocessing.spawn(train, (a.workers, settings), nprocs=a.workers)  # type: ignore[attr-defined,no-untyped-call]


if __name__ == "__main__":
    main()
