"""Image encoder, structure flow and latent flow, trained together by rectified flow matching.

    python -m training.image_to_3d --data DIR --autoencoders DIR --out DIR --minutes 20

The encoder (DINOv2 with registers, trained from nothing) learns what both flows need. The latent flow
joins as soon as `splat_encoder.safetensors` exists in the autoencoders' folder. Writes `image_encoder`,
`structure_flow`, `latent_flow` (safetensors) every few minutes and at the end. `--only-latents` goes on with
the latent flow alone: colours improve, shapes stay as they are. With `--redrawn-share`, part of the images
are what the exported text-to-image family makes of the rendered views.
"""

import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel

from command_line.arguments import positive, user_path
from command_line.running import run_program
from models.latents.flow import LatentFlow, LatentFlowConfig
from models.sparse import SparseTensor
from models.structure.flow import StructureFlow, StructureFlowConfig
from training.command import trainer_arguments
from training.examples import ExampleMaker
from training.loop import Average, Budget, TimedLoop, clip_and_step, load_matching, save_half
from training.objects.dataset import load_geometries
from training.objects.renders import ObjectRenderer
from training.redrawing import Redrawer
from training.shipped import latent_normalization, load_checkpoint, load_image_encoder
from training.splat_vae import RESOLUTION, SplatEncoder, colored_voxels
from training.structure_vae import StructureEncoder
from training.voxels import occupancy

logger = logging.getLogger(__name__)
M = TypeVar("M", bound=nn.Module)
IMAGE_SIZE = 224
SIGMA_MIN = 1e-5
DROP_CONDITION = 0.1
STRUCTURE_DRAWS = 3
PURE_NOISE_SHARE = 0.15
NEAR_NOISE_SHARE = 0.25
NEAR_NOISE = 0.88
SAVE_MINUTES = 4.0
CONDITION = 160
ENCODER = Dinov2WithRegistersConfig(
    image_size=IMAGE_SIZE,
    patch_size=14,
    hidden_size=CONDITION,
    num_hidden_layers=4,
    num_attention_heads=5,
    mlp_ratio=4,
    num_register_tokens=4,
    layerscale_value=0.5,
)
STRUCTURE = StructureFlowConfig(
    resolution=16,
    in_channels=8,
    out_channels=8,
    model_channels=160,
    cond_channels=CONDITION,
    num_blocks=5,
    num_heads=5,
    mlp_ratio=4,
    patch_size=2,
    qk_rms_norm=True,
)
LATENTS = LatentFlowConfig(
    resolution=RESOLUTION,
    in_channels=8,
    out_channels=8,
    model_channels=96,
    cond_channels=CONDITION,
    num_blocks=6,
    num_heads=3,
    mlp_ratio=4,
    patch_size=2,
    num_io_res_blocks=2,
    io_block_channels=(32,),
    qk_rms_norm=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalization:
    """Mean and deviation of each latent channel over the data set."""

    mean: Float[Tensor, "channels"]
    std: Float[Tensor, "channels"]


class ImageTo3DTrainer:
    """The three networks, their frozen autoencoders, and one loss each.

    Args:
        examples: Draws what they are trained on.
        only_latents: Train the latent flow alone, with the image encoder as it is.
    """

    def __init__(
        self, examples: ExampleMaker, autoencoders: Path, device: str, *, only_latents: bool = False
    ) -> None:
        self.device = device
        self.examples = examples
        self.renderer = examples.renderer
        self.only_latents = only_latents
        self.autoencoders = autoencoders
        self.image_encoder = Dinov2WithRegistersModel(ENCODER).to(device)
        self.structure_flow = start_at_zero(StructureFlow(STRUCTURE)).to(device)
        self.latent_flow = start_at_zero(LatentFlow(LATENTS)).to(device)
        self.structure_encoder = StructureEncoder().to(device).requires_grad_(False)
        if only_latents:
            self.image_encoder.requires_grad_(False)
            self.structure_flow.requires_grad_(False)
        else:
            load_matching(self.structure_encoder, autoencoders / "structure_encoder.safetensors")
        self.splat_encoder: SplatEncoder | None = None
        self.normalization: Normalization | None = None

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The networks in training."""
        if self.only_latents:
            return {"latent_flow": self.latent_flow}
        return {
            "image_encoder": self.image_encoder,
            "structure_flow": self.structure_flow,
            "latent_flow": self.latent_flow,
        }

    def losses(self, batch: int, latent_share: float) -> dict[str, Tensor]:
        """Flow-matching losses of one fresh batch; `latent_share` of it also trains the latent flow."""
        drawn = self.examples.draw(batch)
        rows, colors = drawn.rows, drawn.colors
        with torch.autocast(self.device, torch.bfloat16):
            cond = self.encode(drawn.images)
        kept = (torch.rand(batch, 1, 1, device=self.device) > DROP_CONDITION).float()
        cond = cond * kept
        losses = {} if self.only_latents else {"structure": self._structure_loss(rows, cond)}
        if self.splat_encoder is not None and self.normalization is not None:
            few = max(1, int(batch * latent_share))
            losses["latents"] = self._latent_loss(rows[:few], colors[:few], cond[:few])
        return losses

    def encode(self, images: Float[Tensor, "batch 3 h w"]) -> Float[Tensor, "batch tokens channels"]:
        """Layer-normalised tokens before the encoder's own last norm."""
        states = self.image_encoder(pixel_values=images, output_hidden_states=True).hidden_states
        return F.layer_norm(states[-1].float(), (CONDITION,), eps=1e-5)

    def join_latents(self) -> None:
        """Load the splat encoder once it is there, and measure the latents' mean and deviation."""
        path = self.autoencoders / "splat_encoder.safetensors"
        if self.splat_encoder is not None or not path.exists():
            return
        encoder = SplatEncoder().to(self.device).requires_grad_(False)
        load_matching(encoder, path)
        self.splat_encoder = encoder
        self.normalization = self.normalization or self._measured()
        logger.info("latents joined: %s", self.normalization)

    def _measured(self) -> Normalization:
        samples = []
        for _ in range(24):
            rows, _, part_colors = self.examples.table.draw(
                self.renderer.geometries, 16, self.examples.generator
            )
            samples.append(self._latents(rows, self.renderer.point_colors(rows, part_colors)).feats)
        feats = torch.cat(samples)
        return Normalization(mean=feats.mean(0), std=feats.std(0))

    def keep_normalization(self, folder: Path) -> None:
        """Go on with the mean and deviation of an exported family, whose decoder stays the same."""
        mean, std = (torch.tensor(v, device=self.device) for v in latent_normalization(folder))
        self.normalization = Normalization(mean=mean, std=std)

    @torch.no_grad()
    def _latents(self, rows: Tensor, colors: Tensor) -> SparseTensor:
        assert self.splat_encoder is not None
        voxels = colored_voxels(self.renderer, rows, colors)
        with torch.autocast(self.device, torch.bfloat16):
            mean, _ = self.splat_encoder(voxels)
        return voxels.replace(mean.float())

    @torch.no_grad()
    def _structure_latents(self, rows: Tensor) -> Tensor:
        with torch.autocast(self.device, torch.bfloat16):
            mean, _ = self.structure_encoder(occupancy(self.renderer.geometries.positions[rows], RESOLUTION))
        return mean.float()

    def _structure_loss(self, rows: Tensor, cond: Tensor) -> Tensor:
        clean = self._structure_latents(rows).repeat(STRUCTURE_DRAWS, 1, 1, 1, 1)
        cond = cond.repeat(STRUCTURE_DRAWS, 1, 1)
        noise = torch.randn_like(clean)
        t = random_times(len(clean), self.device)
        noisy = mix(clean, noise, t[:, None, None, None, None])
        with torch.autocast(self.device, torch.bfloat16):
            velocity = self.structure_flow(noisy, 1000 * t, cond)
        return F.mse_loss(velocity.float(), (1 - SIGMA_MIN) * noise - clean)

    def _latent_loss(self, rows: Tensor, colors: Tensor, cond: Tensor) -> Tensor:
        assert self.normalization is not None
        clean = self._latents(rows, colors)
        feats = (clean.feats - self.normalization.mean) / self.normalization.std
        noise = torch.randn_like(feats)
        t = random_times(len(rows), self.device)
        noisy = mix(feats, noise, t[clean.coords[:, 0].long(), None])
        with torch.autocast(self.device, torch.bfloat16):
            velocity = self.latent_flow(clean.replace(noisy), 1000 * t, cond)
        errors = (velocity.feats.float() - ((1 - SIGMA_MIN) * noise - feats)).square().mean(1)
        return mean_over_objects(errors, clean.coords[:, 0].long(), len(rows))


def random_times(count: int, device: str) -> Float[Tensor, "count"]:
    """Noise levels, 1 = pure noise.

    The published training draws logit-normal times (mean 1, deviation 1). Of those, one in 150 lies above
    0.97; below that so many latents show their shape through the noise, and the flow would hardly learn to
    ask the image. Hence the shares of pure and nearly pure noise.
    """
    usual = torch.sigmoid(1 + torch.randn(count, device=device))
    draw = torch.rand(count, device=device)
    near = NEAR_NOISE + (1 - NEAR_NOISE) * torch.rand(count, device=device)
    t = torch.where(draw < PURE_NOISE_SHARE + NEAR_NOISE_SHARE, near, usual)
    return torch.where(draw < PURE_NOISE_SHARE, torch.ones_like(t), t)


def mean_over_objects(
    values: Float[Tensor, "voxels"], objects: Int[Tensor, "voxels"], count: int
) -> Float[Tensor, ""]:
    """Mean of each object's mean, so that a bicycle of few voxels teaches as much as a sofa of many."""
    sums = values.new_zeros(count).index_add(0, objects, values)
    return (sums / torch.bincount(objects, minlength=count).clamp(min=1)).mean()


def mix(clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    return (1 - t) * clean + (SIGMA_MIN + (1 - SIGMA_MIN) * t) * noise


def start_at_zero(flow: M) -> M:
    """Zero the output and all modulations, so that every block starts as the identity."""
    for name, module in flow.named_modules():
        if isinstance(module, nn.Linear) and (name == "out_layer" or "adaLN" in name or "emb_layers" in name):
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
    return flow


def train(
    trainer: ImageTo3DTrainer,
    out: Path,
    minutes: float,
    *,
    batch: int,
    max_steps: int | None,
    lr: float,
    start_from: Path | None,
    latent_share: float,
    save_minutes: float = SAVE_MINUTES,
) -> None:
    if start_from is not None:
        load_image_encoder(trainer.image_encoder, start_from)
        load_checkpoint(trainer.structure_flow, start_from, "structure_flow")
        load_checkpoint(trainer.latent_flow, start_from, "latent_flow")
        trainer.keep_normalization(start_from)
    parameters = [p for module in trainer.modules.values() for p in module.parameters()]
    optimizer = torch.optim.AdamW(
        parameters, lr=lr, weight_decay=0.01, betas=(0.9, 0.98), fused=trainer.device == "cuda"
    )
    average = Average(trainer.modules)
    loop = TimedLoop("image_to_3d", Budget(60 * minutes, max_steps), optimizer)
    saved = time.perf_counter()
    for step in loop:
        if step % 50 == 0:
            trainer.join_latents()
        losses = trainer.losses(batch, latent_share=1.0 if trainer.only_latents else latent_share)
        torch.stack(list(losses.values())).sum().backward()
        clip_and_step(optimizer, parameters)
        average.update(step)
        loop.log(losses)
        if time.perf_counter() - saved > save_minutes * 60:
            save(trainer, average, out)
            saved = time.perf_counter()
    save(trainer, average, out)


def wait_for(path: Path) -> None:
    """Another training, beside this one, will write it."""
    while not path.exists():
        time.sleep(1)


def save(trainer: ImageTo3DTrainer, average: Average, out: Path) -> None:
    """The averaged networks, and the numbers that `training.export` puts into `pipeline.json`."""
    for name in trainer.modules:
        save_half(out / f"{name}.safetensors", average.state_dict(name))
    if trainer.normalization is not None:
        numbers = {"mean": trainer.normalization.mean.tolist(), "std": trainer.normalization.std.tolist()}
        (out / "normalization.json").write_text(json.dumps(numbers, indent=1))


def main() -> None:
    parser = trainer_arguments(__doc__ or "", minutes=20, batch=64)
    parser.add_argument("--autoencoders", type=user_path, required=True)
    parser.add_argument("--lr", type=positive, default=6e-4)
    parser.add_argument(
        "--start-from", type=user_path, help="exported folder whose flows and encoder train on"
    )
    parser.add_argument("--only-latents", action="store_true", help="train the latent flow alone")
    parser.add_argument(
        "--latent-share", type=float, default=0.2, help="of each batch that trains the latent flow too"
    )
    parser.add_argument("--patchwork-share", type=float, default=0.0, help="of objects painted in patches")
    parser.add_argument(
        "--redrawn-share", type=float, default=0.0, help="of views drawn again by text to image"
    )
    parser.add_argument(
        "--family", type=user_path, default=Path("models/embedded"), help="whose text to image draws them"
    )
    parser.add_argument("--save-minutes", type=positive, default=SAVE_MINUTES)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    needed = "splat_encoder" if arguments.only_latents else "structure_encoder"
    wait_for(arguments.autoencoders / f"{needed}.safetensors")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cuda.enable_cudnn_sdp(False)  # its backward fails on some shapes (torch 2.11, H100)
    examples = ExampleMaker(
        ObjectRenderer(load_geometries(arguments.data, arguments.device)),
        IMAGE_SIZE,
        arguments.device,
        patchwork_share=arguments.patchwork_share,
        redrawer=Redrawer(arguments.family, arguments.device) if arguments.redrawn_share else None,
        redrawn_share=arguments.redrawn_share,
    )
    trainer = ImageTo3DTrainer(
        examples, arguments.autoencoders, arguments.device, only_latents=arguments.only_latents
    )
    train(
        trainer,
        arguments.out,
        arguments.minutes,
        batch=arguments.batch,
        max_steps=arguments.max_steps,
        lr=arguments.lr,
        start_from=arguments.start_from,
        latent_share=arguments.latent_share,
        save_minutes=arguments.save_minutes,
    )


if __name__ == "__main__":
    run_program(main)
