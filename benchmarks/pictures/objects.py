"""Pictures of the embedded family's kinds in colours that no training saw."""

import logging
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from models.gaussians.gaussians import Gaussians
from rendering.cameras import orbit
from rendering.renderer import SplatRenderer
from training.objects.catalog import KINDS
from training.objects.cloud import Cloud, build_cloud
from training.objects.colors import COLOR_SRGB
from training.objects.kind import Kind
from training.objects.occlusion import baked_shade
from training.objects.renders import FLATNESS, quaternion_to
from training.text.specs import Spec, held_out_pairs, part_colors

logger = logging.getLogger(__name__)
SIDE = 512
NEW_INSTANCES = 900_000_000  # seeds from here on belong to no training set
GROWTH = 1.5 / 0.96  # of the trainings' objects to the service's
BACKGROUNDS = ("white", "grey", "gradient")

Pixels = UInt8[np.ndarray, "height width 3"]


def objects(num: int, renderer: SplatRenderer, seed: int) -> Iterator[tuple[str, str, Pixels]]:
    """Pictures of kinds in colours that no training saw."""
    rng = np.random.default_rng(seed)
    pairs, kinds = held_out_pairs(KINDS), {kind.name: kind for kind in KINDS}
    for number, pair in enumerate(rng.permutation(len(pairs))[:num]):
        name, color = pairs[pair]
        cloud = build_cloud(kinds[name], NEW_INSTANCES + number)
        splats = splats_of(cloud, painted(kinds[name], color, cloud))
        background, azimuth = BACKGROUNDS[number % len(BACKGROUNDS)], float(rng.uniform(-60, 60))
        logger.info("%s %s, %s, %.0f degrees", color, name, background, azimuth)
        yield name, color, picture_of(splats, renderer, background, azimuth, rng)


def splats_of(cloud: Cloud, colors: NDArray[np.float64]) -> Gaussians:
    """A ground-truth object in the renderer's space (+Y up, front +Z)."""

    def turned(vectors: NDArray[np.float64]) -> Float[Tensor, "points 3"]:
        x, y, z = np.asarray(vectors, np.float32).T
        return torch.from_numpy(np.stack([x, z, -y], axis=1))

    radii = torch.from_numpy(np.asarray(cloud.radii, np.float32))
    return Gaussians(
        means=turned(cloud.positions) * GROWTH,
        scales=torch.stack([radii, radii, radii * FLATNESS], 1) * GROWTH,
        quats_wxyz=quaternion_to(turned(cloud.normals)),
        opacities=torch.full((len(radii),), 0.99),
        colors=torch.from_numpy(colors.astype(np.float32)),
    )


def painted(kind: Kind, color: str | None, cloud: Cloud) -> NDArray[np.float64]:
    """Shaded colours of an instance's points."""
    names = part_colors(kind, Spec(kind=kind.name, color=color))
    flat = np.array([COLOR_SRGB[name] for name in names])[cloud.parts]
    shade = baked_shade(cloud.positions, cloud.normals) * (cloud.tones / 128)
    colors: NDArray[np.float64] = np.clip(flat * shade[:, None], 0, 1)
    return colors


def picture_of(
    splats: Gaussians, renderer: SplatRenderer, background: str, azimuth: float, rng: np.random.Generator
) -> Pixels:
    """One view from above, on a background."""
    cameras = orbit(
        azimuths_degrees=[azimuth],
        elevation_degrees=float(rng.uniform(5, 30)),
        size=SIDE,
        radius=float(rng.uniform(2.8, 3.6)),
    )
    white = renderer.render(splats, cameras)[0].numpy().astype(np.float32)
    in_black = renderer.render(blackened(splats), cameras)[0].numpy()
    light = in_black.astype(np.float32) / 255  # what shows through
    color = white - 255 * light
    rows = np.linspace(0, 1, SIDE)[:, None, None]
    backdrop = {
        "white": np.full((1, 1, 3), 255.0),
        "grey": np.full((1, 1, 3), float(rng.uniform(110, 215))),
        "gradient": (1 - rows) * rng.uniform(150, 250, 3) + rows * rng.uniform(90, 230, 3),
    }[background]
    picture: Pixels = (color + light * backdrop).clip(0, 255).astype(np.uint8)
    return picture


def blackened(splats: Gaussians) -> Gaussians:
    """The same in black: what shows through is its outline."""
    return replace(splats, colors=torch.zeros_like(splats.colors))
