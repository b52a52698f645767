"""Splat autoencoder: what the surface looks like in each voxel to 8 latents, and from them to Gaussians.

    python -m training.splat_vae --data DIR --out DIR --minutes 5

Trained by rendering: decoded splats must look like the ground truth from random views. The decoder is the
shipped architecture; the encoder exists for training only. Writes `splat_encoder`, `splat_decoder`
(safetensors).
"""

import logging
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from command_line.arguments import user_path
from command_line.running import run_program
from models.gaussians.decoder import GaussianDecoder, GaussianDecoderConfig, GaussianParametrization
from models.gaussians.gaussians import Gaussians
from models.latents.trunk import LatentDecoder, LatentDecoderConfig
from models.sparse import SparseTensor
from training.coloring import ColoringTable
from training.command import trainer_arguments
from training.loop import Average, Budget, TimedLoop, clip_and_step, save_half
from training.objects.dataset import load_geometries
from training.objects.renders import ObjectRenderer, Views, orbit_views, render_gaussians
from training.painting import draw_painted
from training.shipped import load_checkpoint
from training.voxels import NUM_VOXEL_FEATURES, voxel_statistics

logger = logging.getLogger(__name__)
RESOLUTION = 64
LATENT_CHANNELS = 8
DECODER = GaussianDecoderConfig(
    trunk=LatentDecoderConfig(
        resolution=RESOLUTION,
        model_channels=96,
        latent_channels=LATENT_CHANNELS,
        num_blocks=4,
        num_heads=3,
        mlp_ratio=4,
        window_size=8,
    ),
    gaussians=GaussianParametrization(num_gaussians=8, scale_bias=6e-3, opacity_bias=0.5),
)
ENCODER_TRUNK = LatentDecoderConfig(
    resolution=RESOLUTION,
    model_channels=96,
    latent_channels=NUM_VOXEL_FEATURES,
    num_blocks=2,
    num_heads=3,
    mlp_ratio=2,
    window_size=8,
)
KL_WEIGHT = 1e-4
VIEW_SIZES = (160, 224, 320, 448)
VIEWS_PER_OBJECT = 3


class SplatEncoder(LatentDecoder):
    """Voxel statistics to latent means and log variances, with the decoder's kind of trunk."""

    def __init__(self) -> None:
        super().__init__(ENCODER_TRUNK)
        self.out_layer = nn.Linear(ENCODER_TRUNK.model_channels, 2 * LATENT_CHANNELS)

    def forward(self, x: SparseTensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.out_layer(self.trunk(x).float()).chunk(2, dim=1)
        return mean, log_variance.clamp(-10, 2)


def object_voxels(renderer: ObjectRenderer, rows: Tensor, part_colors: Tensor) -> SparseTensor:
    """The encoder's input for geometries with a colour for each part."""
    return colored_voxels(renderer, rows, renderer.point_colors(rows, part_colors))


def colored_voxels(
    renderer: ObjectRenderer, rows: Tensor, colors: Float[Tensor, "batch points 3"]
) -> SparseTensor:
    """The encoder's input for geometries with a colour for each point."""
    geometries = renderer.geometries
    statistics = voxel_statistics(
        geometries.positions[rows],
        geometries.normals[rows].float() / 127,
        colors,
        RESOLUTION,
    )
    return SparseTensor.of(statistics.coords, statistics.features)


def random_views(batch: int, views: int, size: int, device: str) -> Views:
    """Cameras all around, from well above to a little below, at many zooms."""
    return orbit_views(
        torch.rand(batch, views, device=device) * 360,
        torch.rand(batch, views, device=device) * 90 - 20,
        size=size,
        zoom=0.9 + 0.8 * torch.rand(batch, views, device=device),
    )


def train(
    data: Path,
    out: Path,
    minutes: float,
    *,
    batch: int,
    max_steps: int | None,
    device: str,
    start_from: Path | None = None,
) -> None:
    """Train both halves; with `start_from`, the encoder alone, for the exported decoder."""
    renderer = ObjectRenderer(load_geometries(data, device))
    encoder, decoder = SplatEncoder().to(device), GaussianDecoder(DECODER).to(device)
    nn.init.zeros_(decoder.out_layer.bias)
    decoder.out_layer.weight.data.mul_(0.1)
    if start_from is not None:
        load_checkpoint(decoder.requires_grad_(False), start_from, "splat_decoder")
    parameters = [p for p in (*encoder.parameters(), *decoder.parameters()) if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01)
    average = Average({"encoder": encoder, "decoder": decoder}, decay=0.995)
    loop = TimedLoop("splat_vae", Budget(60 * minutes, max_steps), optimizer)
    table, generator = ColoringTable(1, device), torch.Generator(device).manual_seed(1)
    for step in loop:
        rows, colors = draw_painted(renderer, table, batch, generator, jitter=0.06)
        voxels = colored_voxels(renderer, rows, colors)
        with torch.autocast(device, torch.bfloat16):
            mean, log_variance = encoder(voxels)
            latent = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
            raw = decoder(voxels.replace(latent))
        splats = decoder.to_gaussians(raw.float(), voxels.grid)
        views = random_views(batch, VIEWS_PER_OBJECT, VIEW_SIZES[step % len(VIEW_SIZES)], device)
        with torch.no_grad():
            truth = renderer.render_points(rows, colors, views)
        image = image_loss(render_gaussians(splats, views), truth)
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()
        (image + shape_penalty(splats) + KL_WEIGHT * kl).backward()
        clip_and_step(optimizer, parameters)
        average.update(step)
        loop.log(
            {
                "image": image,
                "kl": kl,
                "std": mean.std(),
                "splats": sum(s.num_splats for s in splats) / batch,
                "opacity": splats[0].opacities.mean(),
                "scale": splats[0].scales.mean(),
            }
        )
    save_half(out / "splat_encoder.safetensors", average.state_dict("encoder"))
    save_half(out / "splat_decoder.safetensors", average.state_dict("decoder"))


def image_loss(
    drawn: Float[Tensor, "batch views h w 4"], truth: Float[Tensor, "batch views h w 4"]
) -> Tensor:
    """L1 and structural dissimilarity over a random background, and L1 of the silhouette."""
    background = torch.rand(drawn.shape[0], 1, 1, 1, 3, device=drawn.device)
    a, b = (rgba[..., :3] + (1 - rgba[..., 3:]) * background for rgba in (drawn, truth))
    silhouette = (drawn[..., 3] - truth[..., 3]).abs().mean()
    a, b = (images.flatten(0, 1).permute(0, 3, 1, 2) for images in (a, b))
    return (a - b).abs().mean() + 0.2 * (1 - ssim(a, b)) + 0.5 * silhouette


def ssim(a: Float[Tensor, "n c h w"], b: Float[Tensor, "n c h w"]) -> Tensor:
    """Mean structural similarity over 7x7 boxes (Wang et al. 2004)."""

    def blur(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 7, stride=1)

    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    score = ((2 * mean_a * mean_b + 1e-4) * (2 * covariance + 9e-4)) / (
        (mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4)
    )
    return score.mean()


def shape_penalty(splats: list[Gaussians]) -> Tensor:
    """Prefer opaque splats, none longer than about a voxel and a half."""
    opacity = torch.stack([(1 - s.opacities).mean() for s in splats]).mean()
    length = torch.stack([F.relu(s.scales - 1.2 / RESOLUTION).mean() for s in splats]).mean()
    return 0.002 * opacity + 5.0 * length


def main() -> None:
    parser = trainer_arguments(__doc__ or "", minutes=5, batch=12)
    parser.add_argument(
        "--start-from", type=user_path, help="exported folder: keep its decoder, fit an encoder"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    train(
        arguments.data,
        arguments.out,
        arguments.minutes,
        batch=arguments.batch,
        max_steps=arguments.max_steps,
        device=arguments.device,
        start_from=arguments.start_from,
    )


if __name__ == "__main__":
    run_program(main)
