"""Models for the stages' scripts, each built at first use, and inputs of their sizes.

`published` has the published shapes with random weights, for a GPU. `embedded` is the shipped family: its
numbers say nothing about the published models, but every script runs on two CPU cores with it.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from benchmarks.floors import Ceilings, measure_ceilings
from models.errors import MinerError
from models.gaussians.gaussians import Gaussians
from models.sampling import SamplerSettings, sample
from models.sparse import SparseTensor, VoxelGrid
from models.weights.random_layout import EMBEDDED, SHELL_VOXELS, shell, write_random_layout
from models.weights.random_tensors import RandomWeights

if TYPE_CHECKING:
    from models.fast.plan import Switches
    from models.image.text_to_image import Image, TextToImage
    from models.matte import MatteCutter
    from models.trellis.image_to_3d import Made
    from models.trellis.networks import Networks
    from validation.scorer import Scorer

STRUCTURE = SamplerSettings(steps=12, cfg_strength=7.5, cfg_interval=(0.5, 1.0), rescale_t=3.0)
LATENTS = SamplerSettings(steps=12, cfg_strength=3.0, cfg_interval=(0.5, 1.0), rescale_t=3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What a profile of a family asks of its models.

    Attributes:
        image: Side of the drawn image, pixels.
        image_steps: Steps of its flow.
        prompt_tokens: T5 tokens.
        views, view_size: Validation's renders.
        video_size, video_seconds: The turntable, at 24 frames a second.
    """

    image: int
    image_steps: int
    prompt_tokens: int
    views: int
    view_size: int
    video_size: int
    video_seconds: float


FAMILIES = {
    "published": Sizes(
        image=512,
        image_steps=2,
        prompt_tokens=256,
        views=16,
        view_size=224,
        video_size=1088,
        video_seconds=6.0,
    ),
    "embedded": Sizes(
        image=192,
        image_steps=12,
        prompt_tokens=32,
        views=8,
        view_size=128,
        video_size=512,
        video_seconds=0.5,
    ),
}


class Lab:
    """One device, one family."""

    def __init__(self, device: str, voxels: int = SHELL_VOXELS, family: str = "published") -> None:
        self.device = torch.device(device)
        self.voxels = voxels
        self.family = family
        self.sizes = FAMILIES[family]
        on_gpu = self.device.type == "cuda"
        self.half = torch.float16 if on_gpu else torch.float32
        self.brain_half = torch.bfloat16 if on_gpu or family == "published" else torch.float32
        self.weights = EMBEDDED
        if family == "published":
            self._folder = tempfile.TemporaryDirectory(prefix="random-weights-")
            self.weights = Path(self._folder.name)
            write_random_layout(self.weights, RandomWeights(seed=0, shell_voxels=voxels))

    @cached_property
    def ceilings(self) -> Ceilings | None:
        return measure_ceilings() if self.device.type == "cuda" else None

    @cached_property
    def networks(self) -> "Networks":
        """The 3D stages, plain; every object has the same voxels."""
        from models.trellis.networks import load_networks, with_structure

        networks = load_networks(
            self.weights / "image_to_3d", device=self.device, dtype=self.half, encoder_dtype=self.half
        )
        return with_structure(networks, shell(self.voxels))

    def planned(self, plan: "Switches") -> "Networks":
        """The same by the plan's fast paths; plain without any."""
        from models.fast.trellis.networks import accelerate

        return accelerate(self.networks, plan) if plan.names() else self.networks

    @cached_property
    def fast_networks(self) -> "Networks":
        """The same by all fast paths that pay on the device."""
        from models.fast.plan import Switches

        return self.planned(Switches.for_device(self.device))

    @cached_property
    def text_to_image(self) -> "TextToImage":
        from models.image.text_to_image import TextToImage

        return TextToImage.load(self.weights / "text_to_image", device=self.device, dtype=self.brain_half)

    @cached_property
    def matting(self) -> "MatteCutter":
        from models.matte import MatteCutter

        return MatteCutter.load(self.weights / "matte", device=self.device, dtype=self.half)

    @cached_property
    def scorer(self) -> "Scorer":
        from validation.scorer import Scorer

        return Scorer.load(self.weights / "validation", device=self.device, dtype=self.half)

    def draw(self, prompts: Sequence[str]) -> list["Image"]:
        """Their images in one batch, with the profile's sizes; seeds count from 0."""
        return self.text_to_image.generate(
            prompts,
            range(len(prompts)),
            steps=self.sizes.image_steps,
            resolution=self.sizes.image,
            max_sequence_length=self.sizes.prompt_tokens,
        )

    def make(
        self, cutouts: Sequence[UInt8[np.ndarray, "height width 4"]], networks: "Networks | None" = None
    ) -> list[Gaussians]:
        """Their objects in one batch, with 12 + 12 steps; seeds count from 0.

        Raises:
            MinerError: One of them cannot be made.
        """
        from models.trellis.image_to_3d import ImageTo3D

        model = ImageTo3D(networks or self.networks)
        made = model.generate(cutouts, range(len(cutouts)), structure=STRUCTURE, latents=LATENTS)
        return [_no_error(one).gaussians for one in made]

    def condition(self, objects: int = 1) -> Float[Tensor, "objects tokens channels"]:
        """Random tokens, normalised as the image encoder's are."""
        encoder = self.networks.encoder
        assert encoder is not None
        config = encoder.model.config
        patches = (config.image_size // config.patch_size) ** 2
        tokens = 1 + config.num_register_tokens + patches
        generator = torch.Generator(self.device).manual_seed(1)
        return torch.randn(objects, tokens, config.hidden_size, device=self.device, generator=generator)

    def structure_noise(self, objects: int = 1) -> Float[Tensor, "objects channels r r r"]:
        """Where the structure flow starts."""
        return self._noise(objects, *self.networks.modules.structure_shape)

    def latent_noise(self, objects: int = 1, voxels: int | None = None) -> Float[Tensor, "voxels channels"]:
        """Where the latent flow starts, on `grid(objects, voxels)`."""
        channels = self.networks.modules.latent_flow.config.in_channels
        return self._noise(objects * (voxels or self.voxels), channels)

    def grid(self, objects: int = 1, voxels: int | None = None) -> VoxelGrid:
        """A new grid of shells, so that its tables are built anew."""
        points = shell(voxels or self.voxels).to(self.device).int()
        batch = torch.arange(objects, device=self.device, dtype=torch.int32).repeat_interleave(len(points))
        return VoxelGrid(torch.cat([batch[:, None], points.repeat(objects, 1)], dim=1))

    @torch.no_grad()
    def sample_latents(
        self,
        cond: Float[Tensor, "objects tokens channels"],
        grid: VoxelGrid,
        noise: Float[Tensor, "voxels channels"],
        settings: SamplerSettings,
        networks: "Networks | None" = None,
    ) -> SparseTensor:
        """Latents, with everything computed that a request has computed."""
        networks = networks or self.networks
        with networks.latent_field(cond, settings)(grid) as field:
            feats = sample(field, noise, settings)
        return networks.modules.latents(SparseTensor(grid=grid, feats=feats))

    @torch.no_grad()
    def sample_structure(
        self,
        cond: Float[Tensor, "objects tokens channels"],
        noise: Float[Tensor, "objects channels r r r"],
        settings: SamplerSettings,
        networks: "Networks | None" = None,
    ) -> Float[Tensor, "objects channels r r r"]:
        """Structure latents, with everything computed that a request has computed."""
        with (networks or self.networks).structure_field(cond, settings) as field:
            return sample(field, noise, settings)

    @torch.no_grad()
    def decode(
        self,
        voxels: int | None = None,
        feats: Float[Tensor, "voxels channels"] | None = None,
        networks: "Networks | None" = None,
    ) -> Gaussians:
        """One object's splats, decoded on a new grid from the given latents or from noise."""
        feats = self.latent_noise(voxels=voxels) if feats is None else feats
        latents = SparseTensor(grid=self.grid(voxels=voxels), feats=feats)
        return (networks or self.networks).decode_gaussians(latents)[0]

    @property
    def splat_bytes(self) -> int:
        """Of all splats of one object, 14 fp32 numbers each."""
        return self.voxels * self.networks.modules.gaussian_decoder.config.gaussians.num_gaussians * 14 * 4

    def _noise(self, *shape: int) -> Tensor:
        return torch.randn(*shape, device=self.device, generator=torch.Generator(self.device).manual_seed(2))


def _no_error(made: "Made | MinerError") -> "Made":
    if isinstance(made, MinerError):
        raise made
    return made
