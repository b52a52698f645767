"""What `training.structure_tuning` trains on: structure latents of new instances and tokens of their
pictures.

    python -m training.structure_cache --trained DIR --cache FILE

Runs on the CPU: the image encoder and both autoencoders stay as they are, so every picture is encoded
once. Next to ground-truth views there are pictures of the family's own making, which show no instance in
particular.
"""

import argparse
import logging
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from models.conditioning.encoder import ImageEncoder
from models.gaussians.frames import rotate_frame
from models.gaussians.gaussians import Gaussians
from models.image.text_to_image import TextToImage
from models.matte import MatteCutter
from rendering.cameras import orbit
from rendering.renderer import create_renderer
from training.image_to_3d import IMAGE_SIZE
from training.loop import load_matching
from training.objects.catalog import KINDS
from training.objects.cloud import build_cloud
from training.objects.occlusion import baked_shade
from training.objects.renders import FLATNESS, quaternion_to
from training.photos import blurred, crop_to_object, disturbed, normalized
from training.pictures import palette
from training.structure_vae import RESOLUTION, StructureEncoder
from training.text.captions import CaptionWriter
from training.text.specs import draw_spec
from training.voxels import occupancy

logger = logging.getLogger(__name__)
VIEWS = 3
T2I_STEPS = 12
FIRST_SEED = 50_000  # no instance of the training data set


def surface(kind: int, seed: int) -> tuple[Gaussians, Tensor]:
    """One coloured instance as flat splats (TRELLIS's space), and its surface points."""
    rng = np.random.default_rng(seed)
    cloud = build_cloud(KINDS[kind], seed)
    shade = baked_shade(cloud.positions, cloud.normals) * (cloud.tones / 128)
    colors = np.clip(palette(KINDS[kind], draw_spec(KINDS[kind], rng))[cloud.parts] * shade[:, None], 0, 1)
    radii = torch.from_numpy(cloud.radii).float()
    points = torch.from_numpy(cloud.positions).float()
    splats = Gaussians(
        means=points,
        scales=torch.stack([radii, radii, radii * FLATNESS], 1),
        quats_wxyz=quaternion_to(torch.from_numpy(cloud.normals).float()),
        opacities=torch.full((len(points),), 0.99),
        colors=torch.from_numpy(colors).float(),
    )
    return splats, points


@torch.inference_mode()
def prepare_kind(job: tuple[int, int, int, Path, Path]) -> dict[str, Tensor]:
    """Latents of some instances of a kind, and the tokens of their views and of generated pictures."""
    kind, instances, pictures, trained, weights = job
    torch.set_num_threads(1)
    torch.manual_seed(kind)
    rng = np.random.default_rng(kind)
    renderer = create_renderer("cpu", num_threads=1)
    structure_encoder = StructureEncoder()
    load_matching(structure_encoder, trained / "structure_encoder.safetensors")
    encoder = ImageEncoder.load(weights / "image_to_3d" / "image_cond_model", device="cpu")
    latents, tokens, owner = [], [], []
    for i in range(instances):
        splats, points = surface(kind, FIRST_SEED + 1000 * kind + i)
        latents.append(structure_encoder(occupancy(points[None], RESOLUTION))[0][0])
        cameras = orbit(
            azimuths_degrees=rng.uniform(15, 50, VIEWS).tolist(),
            elevation_degrees=rng.uniform(9, 28, VIEWS).tolist(),
            radius=2.0,
            fov_y_degrees=40,
            size=IMAGE_SIZE,
        )
        views = renderer.render_float(
            rotate_frame(splats, source="trellis", target="validator"), cameras, (0, 0, 0)
        )
        rgba = torch.cat([views.rgb, views.alpha[..., None]], -1).permute(0, 3, 1, 2)
        tokens.append(encoder(normalized(disturbed(crop_to_object(blurred(rgba), IMAGE_SIZE)))))
        owner += [i] * VIEWS
    if pictures:
        tokens.append(_picture_tokens(kind, pictures, weights, encoder, rng))
        owner += rng.integers(0, instances, pictures).tolist()
    return {
        "latents": torch.stack(latents).half(),
        "tokens": torch.cat(tokens).half(),
        "owner": torch.tensor(owner),
    }


def _picture_tokens(
    kind: int, count: int, weights: Path, encoder: ImageEncoder, rng: np.random.Generator
) -> Tensor:
    """Tokens of the family's own pictures of a kind; which instance they show is nobody's choice."""
    writer = CaptionWriter(KINDS)
    prompts = [writer.write(draw_spec(KINDS[kind], rng), rng) for _ in range(count)]
    painter = TextToImage.load(weights / "text_to_image", device="cpu")
    images = painter.generate(
        prompts, list(range(count)), steps=T2I_STEPS, resolution=192, max_sequence_length=32
    )
    cut = MatteCutter.load(weights / "matte", device="cpu").cut_out(images)
    found = []
    for rgba in cut:
        if isinstance(rgba, np.ndarray):
            straight = torch.from_numpy(rgba).permute(2, 0, 1)[None].float() / 255
            whole = torch.cat([straight[:, :3] * straight[:, 3:], straight[:, 3:]], 1)
            found.append(F.interpolate(whole, size=IMAGE_SIZE, mode="bilinear", antialias=True))
        else:
            found.append(torch.zeros(1, 4, IMAGE_SIZE, IMAGE_SIZE))
    cropped = crop_to_object(torch.cat(found), IMAGE_SIZE)
    tokens: Tensor = encoder(normalized(cropped[:, :3]))
    return tokens


def prepare(trained: Path, cache: Path, weights: Path, instances: int, pictures: int, workers: int) -> None:
    """Encode everything once."""
    jobs = [(kind, instances, pictures, trained, weights) for kind in range(len(KINDS))]
    with ProcessPoolExecutor(workers) as pool:
        parts = list(pool.map(prepare_kind, jobs))
    owner = torch.cat([part["owner"] + i * instances for i, part in enumerate(parts)])
    save_file(
        {
            "latents": torch.cat([p["latents"] for p in parts]),
            "tokens": torch.cat([p["tokens"] for p in parts]),
            "owner": owner,
        },
        cache,
    )
    logger.info("%d images of %d instances", len(owner), instances * len(KINDS))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trained", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--weights", type=Path, default=Path("models/embedded"))
    parser.add_argument("--instances", type=int, default=14, help="per kind")
    parser.add_argument("--pictures", type=int, default=8, help="generated ones per kind")
    parser.add_argument("--workers", type=int, default=2)
    a = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    prepare(a.trained, a.cache, a.weights, a.instances, a.pictures, a.workers)


if __name__ == "__main__":
    main()
