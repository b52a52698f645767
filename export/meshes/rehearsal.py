"""A made-up ball through all of the mesh's finishing, which compiles every kernel before a request comes."""

import numpy as np
import torch
from jaxtyping import Float, Int

from export.glb import write_glb
from export.meshes.finishing import FinishSettings, finish
from export.meshes.splat_colors import SplatPictures
from export.meshes.surface import Surface
from models.gaussians.gaussians import Gaussians
from models.gaussians.placement import Placement
from rendering.renderer import SplatRenderer

RADIUS = 0.4
RINGS, SEGMENTS = 32, 64
SETTINGS = FinishSettings(faces=2000, texture=256, shape="gaussians")


def rehearse_finishing(renderer: SplatRenderer, num_threads: int) -> bytes:
    """The GLB of a grey ball with splats on it, its surface and colours taken from them."""
    surface = ball()
    pictures = SplatPictures(
        splats=splats_on(torch.from_numpy(surface.vertices)),
        placement=Placement(center=(0.0, 0.0, 0.0), factor=1.0),
        renderer=renderer,
        num_threads=num_threads,
        size=64,
    )
    finished, report = finish(surface, SETTINGS, pictures)
    return write_glb(finished, watertight=report.watertight)


def ball() -> Surface:
    """A closed ball: rings of vertices between two poles."""
    polar = np.pi * np.arange(1, RINGS) / RINGS
    around = 2 * np.pi * np.arange(SEGMENTS) / SEGMENTS
    rings = np.stack(
        [
            np.outer(np.sin(polar), np.cos(around)),
            np.outer(np.sin(polar), np.sin(around)),
            np.outer(np.cos(polar), np.ones(SEGMENTS)),
        ],
        axis=-1,
    ).reshape(-1, 3)
    vertices = (RADIUS * np.concatenate([rings, [[0, 0, 1], [0, 0, -1]]])).astype(np.float32)
    return Surface(vertices=vertices, faces=_faces(), colors=np.full_like(vertices, 0.5))


def splats_on(points: Float[torch.Tensor, "splats 3"]) -> Gaussians:
    """A round grey splat on every point."""
    upright = torch.tensor([1.0, 0.0, 0.0, 0.0])
    return Gaussians(
        means=points,
        scales=torch.full_like(points, 0.02),
        quats_wxyz=upright.repeat(len(points), 1),
        opacities=torch.full((len(points),), 0.9),
        colors=torch.full_like(points, 0.5),
    )


def _faces() -> Int[np.ndarray, "faces 3"]:
    """Counter-clockwise seen from outside."""
    ring, segment = np.meshgrid(np.arange(RINGS - 2), np.arange(SEGMENTS), indexing="ij")
    a, b = ring * SEGMENTS + segment, ring * SEGMENTS + (segment + 1) % SEGMENTS
    c, d = a + SEGMENTS, b + SEGMENTS
    sides = np.concatenate([np.stack([a, c, d], -1).reshape(-1, 3), np.stack([a, d, b], -1).reshape(-1, 3)])
    first, top = np.arange(SEGMENTS), (RINGS - 1) * SEGMENTS
    following, last = (first + 1) % SEGMENTS, (RINGS - 2) * SEGMENTS
    north = np.stack([np.full(SEGMENTS, top), first, following], -1)
    south = np.stack([np.full(SEGMENTS, top + 1), last + following, last + first], -1)
    return np.concatenate([sides, north, south]).astype(np.int32)
