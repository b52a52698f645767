"""Flow matching of the text-to-image family on cached latents, and guidance distilled into it at the end.

    noisy = (1 - sigma) * picture + sigma * noise,   target velocity = noise - picture

In the last part of the budget a frozen copy supplies the target `v(null) + guidance * (v(caption) -
v(null))`: the model learns to give guided results in one evaluation a step, as FLUX.1-schnell does.
"""

import copy
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor

from training.flux_family import FluxFamily, pack, unpack
from training.loop import Average, Budget, TimedLoop, clip_and_step

logger = logging.getLogger(__name__)
LEARNING_RATE = 1.2e-3
DISTILL_RATE = 3e-4
NULL_SHARE = 0.1
NO_POOLED_SHARE = 0.15
START_SHARE, EARLY_SHARE, EARLY = 0.15, 0.2, 0.85
WARM_UP_STEPS = 200
EMA_DECAY = 0.9995
Velocity = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowData:
    """Pictures as scaled latents with their captions' tokens, all on the training device.

    Attributes:
        latents: Mean 0, standard deviation 1; half precision.
        null_clip, null_t5: Tokens of the empty caption.
    """

    latents: Float[Tensor, "pictures channels h w"]
    clip_ids: Int[Tensor, "pictures captions length"]
    t5_ids: Int[Tensor, "pictures captions length"]
    null_clip: Int[Tensor, "length"]
    null_t5: Int[Tensor, "length"]

    def draw(self, batch: int) -> tuple[Tensor, Tensor, Tensor]:
        """Random packed latents [batch, tokens, packed] with one caption each (CLIP ids, T5 ids)."""
        device = self.latents.device
        index = torch.randint(len(self.latents), (batch,), device=device)
        caption = torch.randint(self.clip_ids.shape[1], (batch,), device=device)
        return (
            pack(self.latents[index].float()),
            self.clip_ids[index, caption].long(),
            self.t5_ids[index, caption].long(),
        )


def draw_sigmas(batch: int, device: torch.device) -> Float[Tensor, "batch"]:
    """Noise levels: some exactly 1 and some near it, half of the rest uniform, half around the middle.

    Below 0.9 the noisy picture shows its colours, and a network can do without the words; which colour a
    prompt gets is decided above.
    """
    middle = torch.randn(batch, device=device).sigmoid()
    even, roll = torch.rand(batch, device=device), torch.rand(batch, device=device)
    sigma = torch.where(torch.rand(batch, device=device) < 0.5, middle, even)
    sigma = torch.where(roll < START_SHARE + EARLY_SHARE, EARLY + (1 - EARLY) * even, sigma)
    return torch.where(roll < START_SHARE, torch.ones_like(sigma), sigma)


def train_flow(
    family: FluxFamily,
    data: FlowData,
    budget: Budget,
    *,
    batch: int,
    compiled: bool,
    peak: float = LEARNING_RATE,
    on_pause: Callable[[FluxFamily], None] | None = None,
    pause_seconds: float = 120.0,
) -> FluxFamily:
    """Plain flow matching until the budget is spent.

    Returns:
        The averaged family.
    """
    velocity: Velocity = torch.compile(family.velocity) if compiled else family.velocity
    average = Average({"family": family}, EMA_DECAY)

    def loss() -> Tensor:
        pictures, clip_ids, t5_ids = data.draw(batch)
        dropped = (torch.rand(batch, device=pictures.device) < NULL_SHARE)[:, None]
        no_pooled = dropped | (torch.rand(batch, device=pictures.device) < NO_POOLED_SHARE)[:, None]
        clip_ids = torch.where(no_pooled, data.null_clip.long(), clip_ids)
        t5_ids = torch.where(dropped, data.null_t5.long(), t5_ids)
        noise, sigma = torch.randn_like(pictures), draw_sigmas(batch, pictures.device)
        noisy = pictures + sigma[:, None, None] * (noise - pictures)
        predicted = velocity(noisy, sigma, clip_ids, t5_ids)
        return (predicted.float() - (noise - pictures)).square().mean()

    _optimize(family, average, loss, budget, peak, "flow", on_pause, pause_seconds)
    return average.copy_of("family", family)


def distill_guidance(
    teacher: FluxFamily, data: FlowData, budget: Budget, *, batch: int, guidance: float, compiled: bool
) -> FluxFamily:
    """A copy of the teacher whose plain velocity is the teacher's guided one.

    Returns:
        The averaged student.
    """
    student = copy.deepcopy(teacher).train().requires_grad_(True)
    student.vae.requires_grad_(False)
    teacher_velocity: Velocity = torch.compile(teacher.velocity) if compiled else teacher.velocity
    student_velocity: Velocity = torch.compile(student.velocity) if compiled else student.velocity
    average = Average({"family": student}, EMA_DECAY)

    def loss() -> Tensor:
        pictures, clip_ids, t5_ids = data.draw(batch)
        noise, sigma = torch.randn_like(pictures), draw_sigmas(batch, pictures.device)
        noisy = pictures + sigma[:, None, None] * (noise - pictures)
        with torch.no_grad():
            null_clip, null_t5 = (
                data.null_clip.long().expand_as(clip_ids),
                data.null_t5.long().expand_as(t5_ids),
            )
            with_caption = teacher_velocity(noisy, sigma, clip_ids, t5_ids).float()
            without = teacher_velocity(noisy, sigma, null_clip, null_t5).float()
            target = without + guidance * (with_caption - without)
        return (student_velocity(noisy, sigma, clip_ids, t5_ids).float() - target).square().mean()

    _optimize(student, average, loss, budget, DISTILL_RATE, "guidance", None, 0.0)
    return average.copy_of("family", student)


def _optimize(
    family: FluxFamily,
    average: Average,
    loss_of_batch: Callable[[], Tensor],
    budget: Budget,
    peak: float,
    name: str,
    on_pause: Callable[[FluxFamily], None] | None,
    pause_seconds: float,
) -> None:
    device = next(family.parameters()).device
    optimizer = torch.optim.AdamW(
        family.flow_parameters(), lr=peak, betas=(0.9, 0.98), weight_decay=0.01, fused=device.type == "cuda"
    )
    paused, running = time.monotonic(), torch.zeros((), device=device)
    loop = TimedLoop(name, budget, optimizer, warm_up_steps=WARM_UP_STEPS)
    for step in loop:
        with torch.autocast(device.type, dtype=torch.bfloat16):
            loss = loss_of_batch()
        loss.backward()
        clip_and_step(optimizer, list(family.flow_parameters()))
        average.update(step)
        running = loss.detach() if step == 0 else running.lerp(loss.detach(), 0.01)
        loop.log({"loss": running})
        if on_pause is not None and time.monotonic() - paused > pause_seconds:
            on_pause(average.copy_of("family", family))
            paused = time.monotonic()


@torch.no_grad()
def sample(
    family: FluxFamily, clip_ids: Tensor, t5_ids: Tensor, *, steps: int, seed: int
) -> Float[Tensor, "batch 3 height width"]:
    """Pictures -1..1 by Euler steps, with the pipeline's schedule."""
    device = next(family.parameters()).device
    side, channels = family.config.resolution // 8, family.config.latent_channels
    noise = torch.randn(len(clip_ids), channels, side, side, generator=torch.Generator().manual_seed(seed))
    tokens = pack(noise.to(device))
    sigmas = torch.linspace(1, 1 / steps, steps)
    shift = family.config.shift
    sigmas = torch.cat([shift * sigmas / (1 + (shift - 1) * sigmas), torch.zeros(1)]).to(device)
    for now, then in pairwise(sigmas):
        velocity = family.velocity(tokens, now.expand(len(tokens)), clip_ids.long(), t5_ids.long())
        tokens = tokens + (then - now) * velocity
    vae = family.vae
    pictures: Tensor = vae.decode(unpack(tokens) / vae.config.scaling_factor + vae.config.shift_factor).sample
    return pictures.clamp(-1, 1)
