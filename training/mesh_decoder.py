"""Mesh decoder of the embedded family: the splats' latents to a signed distance and colours.

    python -m training.mesh_decoder --data DIR --autoencoders DIR --out DIR --minutes 4

Waits for `splat_encoder.safetensors` in the autoencoders' folder, which stays as it is: splats and meshes
share their latents. The decoder's corners are compared with the distance to the surface points themselves
(`training.surface_distance`), so no mesh is extracted and nothing is rendered. Distances are in fine voxels,
the unit in which the extraction's constant outside of the voxels is one voxel away. Displacements and
weights of the extraction stay zero. Writes `mesh_decoder` (safetensors) every minute.
"""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from command_line.arguments import positive, user_path
from command_line.running import run_program
from models.latents.trunk import LatentDecoderConfig
from models.mesh.decoder import REFINEMENT, MeshDecoder, MeshDecoderConfig
from models.sparse import SparseTensor
from training.coloring import ColoringTable
from training.command import trainer_arguments
from training.loop import Average, Budget, TimedLoop, clip_and_step, load_matching, save_half
from training.mesh_features import corner_rows, fine_features
from training.objects.dataset import load_geometries
from training.objects.renders import ObjectRenderer
from training.splat_vae import LATENT_CHANNELS, RESOLUTION, SplatEncoder, object_voxels
from training.surface_distance import SurfacePoints, SurfaceValues, surface_values

logger = logging.getLogger(__name__)
DECODER = MeshDecoderConfig(
    trunk=LatentDecoderConfig(
        resolution=RESOLUTION,
        model_channels=128,
        latent_channels=LATENT_CHANNELS,
        num_blocks=3,
        num_heads=4,
        mlp_ratio=2,
        window_size=8,
    ),
)
SDF, ATTRIBUTES = slice(0, 8), slice(53, None)  # channels that are trained
NOISE = 0.25  # largest noise on the latents, in their deviations: the flow's are not exact
SUPERVISED_VOXELS = 12000  # a step, of all objects
NEAR = 0.8  # distance over which the surface's weight falls off, in fine voxels
STEEPNESS = 4.0  # of the occupancy, a fine voxel
SAVE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Latents of coloured objects, and the truth around some of their voxels."""

    latents: SparseTensor
    chosen: Tensor
    truth: SurfaceValues


class ExampleSource:
    """Draws coloured objects and encodes them."""

    def __init__(self, data: Path, encoder_file: Path, device: str, voxels: int = SUPERVISED_VOXELS) -> None:
        self.renderer = ObjectRenderer(load_geometries(data, device))
        self.device = device
        self.voxels = voxels
        self.table, self.generator = ColoringTable(1, device), torch.Generator(device).manual_seed(1)
        self.encoder = SplatEncoder().to(device).requires_grad_(False)
        load_matching(self.encoder, encoder_file)
        feats = torch.cat([self.draw(4).latents.feats for _ in range(16)])
        self.deviation: Float[Tensor, "channels"] = feats.std(0)

    @torch.no_grad()
    def draw(self, batch: int) -> Example:
        """Exact latents of random objects."""
        rows, _, part_colors = self.table.draw(self.renderer.geometries, batch, self.generator, jitter=0.06)
        voxels = object_voxels(self.renderer, rows, part_colors)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device != "cpu"):
            mean, _ = self.encoder(voxels)
        chosen = torch.randperm(len(voxels.grid), device=self.device)[: self.voxels].sort().values
        points = surface_points(self.renderer, rows, part_colors)
        truth = surface_values(points, voxels.coords[chosen], RESOLUTION)
        return Example(latents=voxels.replace(mean.float()), chosen=chosen, truth=truth)

    def noisy(self, latents: SparseTensor) -> SparseTensor:
        """Latents with a random amount of noise an object."""
        amount = NOISE * torch.rand(latents.grid.batch_size, 1, device=self.device)
        noise = torch.randn_like(latents.feats) * self.deviation
        return latents.replace(latents.feats + amount[latents.coords[:, 0].long()] * noise)


def surface_points(renderer: ObjectRenderer, rows: Tensor, part_colors: Tensor) -> SurfacePoints:
    """Points with the colours that the splats show, light and occlusion included."""
    geometries = renderer.geometries
    return SurfacePoints(
        positions=geometries.positions[rows].float(),
        normals=geometries.normals[rows].float() / 127,
        radii=geometries.radii[rows].float(),
        colors=renderer.point_colors(rows, part_colors),
    )


def new_decoder(device: str) -> MeshDecoder:
    """Untrained, with zero displacements and weights."""
    decoder = MeshDecoder(DECODER)
    nn.init.zeros_(decoder.out_layer.bias)
    decoder.out_layer.weight.data[SDF.stop : ATTRIBUTES.start] = 0
    return decoder.to(device)


def raw_corners(decoder: MeshDecoder, example: Example, latents: SparseTensor) -> Tensor:
    """Raw output on the chosen voxels' fine voxels [voxels, 64, 101]."""
    device = latents.feats.device.type
    with torch.autocast(device, torch.bfloat16, enabled=device != "cpu"):
        features = fine_features(decoder, latents)
    raw: Tensor = decoder.out_layer(features.float().index_select(0, example.chosen))
    return raw


def corner_losses(
    raw: Float[Tensor, "voxels 64 101"], truth: SurfaceValues
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss and what to log: errors are means over corners, weighted towards the surface."""
    rows = corner_rows(raw.device)
    distance = truth.distance[:, rows]
    said = raw[..., SDF] - 1 / (RESOLUTION * REFINEMENT)
    near = torch.exp(-((distance / NEAR) ** 2))
    weight = near + 0.1
    gap = (weight * (said - distance).abs()).sum() / weight.sum()
    inside = torch.sigmoid(-STEEPNESS * distance)
    sign = F.binary_cross_entropy_with_logits(-STEEPNESS * said, inside, weight, reduction="sum")
    sign = sign / weight.sum()
    attributes = torch.sigmoid(raw[..., ATTRIBUTES].unflatten(-1, (8, 6)))
    wanted = torch.cat([truth.colors, (truth.normals + 1) / 2], dim=-1)[:, rows]
    error = (near[..., None] * (attributes - wanted).abs()).sum((0, 1, 2)) / near.sum()
    color, normal = error[:3].mean(), error[3:].mean()
    loss = gap + 0.5 * sign + 2 * color + 0.2 * normal
    right = ((said < 0) == (distance < 0)).float()
    logged = {
        "loss": loss,
        "distance": gap,
        "sign": (right * (distance.abs() < 1)).sum() / (distance.abs() < 1).sum(),
        "color": color,
        "normal": normal,
    }
    return loss, logged


def train(
    source: ExampleSource, out: Path, minutes: float, *, batch: int, max_steps: int | None, lr: float
) -> None:
    decoder = new_decoder(source.device)
    parameters = list(decoder.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=lr, weight_decay=0.01, betas=(0.9, 0.98))
    average = Average({"decoder": decoder}, decay=0.995)
    loop = TimedLoop("mesh_decoder", Budget(60 * minutes, max_steps), optimizer)
    saved = time.perf_counter()
    for step in loop:
        example = source.draw(batch)
        loss, logged = corner_losses(
            raw_corners(decoder, example, source.noisy(example.latents)), example.truth
        )
        loss.backward()
        clip_and_step(optimizer, parameters)
        average.update(step)
        loop.log(logged)
        if time.perf_counter() - saved > SAVE_SECONDS:
            save_half(out / "mesh_decoder.safetensors", average.state_dict("decoder"))
            saved = time.perf_counter()
    save_half(out / "mesh_decoder.safetensors", average.state_dict("decoder"))


def main() -> None:
    parser = trainer_arguments(__doc__ or "", minutes=4, batch=4)
    parser.add_argument("--autoencoders", type=user_path, required=True)
    parser.add_argument("--lr", type=positive, default=2e-3)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    encoder_file = arguments.autoencoders / "splat_encoder.safetensors"
    while not encoder_file.exists():
        time.sleep(1)
    train(
        ExampleSource(arguments.data, encoder_file, arguments.device),
        arguments.out,
        arguments.minutes,
        batch=arguments.batch,
        max_steps=arguments.max_steps,
        lr=arguments.lr,
    )


if __name__ == "__main__":
    run_program(main)
