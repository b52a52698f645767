"""Images of cut-out objects to 3D Gaussians, a batch at a time (TRELLIS, Xiang et al. 2024).

    RGBA -> crop on black -> DINOv2 tokens -> structure -> voxels -> latents -> splats

Every item has its own noise, so batch mates change nothing but rounding, and an item that fails fails alone.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from models.clock import StageClock
from models.conditioning import crop_to_object
from models.conditioning.device_crop import crop_on_device
from models.errors import EmptyMatteError, EmptyStructureError, GenerationError, MinerError
from models.gaussians.gaussians import Gaussians
from models.latents.object_latents import ObjectLatents, separated
from models.mesh.mesh import Mesh
from models.sampling import SamplerSettings, request_generator, sample, stacked_noise, voxel_noise
from models.sparse import SparseTensor, VoxelGrid
from models.stopping import between_steps
from models.transfer import to_device_async
from models.trellis.modules import StageSettings
from models.trellis.networks import Condition, LatentFieldOn, Networks, batched_voxels, load_networks

__all__ = ["ImageTo3D", "SamplerSettings", "StageSettings"]

logger = logging.getLogger(__name__)

RgbaImage = UInt8[np.ndarray, "_height _width 4"]
Cropped = UInt8[np.ndarray, "size size 3"] | UInt8[Tensor, "size size 3"]


class _Item:
    """One request on its way through the stages; what fails takes no part in the stages that follow."""

    cropped: Cropped
    cond: Float[Tensor, "tokens channels"]
    voxels: Int[Tensor, "voxels 3"]
    latents: ObjectLatents | None = None
    result: Gaussians | MinerError

    def __init__(self, *, position: int, generator: torch.Generator) -> None:
        self.position = position
        self.generator = generator
        self.failed = False

    def fail(self, error: MinerError) -> None:
        logger.info("a request failed: %s", error)
        self.result, self.failed = error, True


class ImageTo3D:
    """The networks at work for requests."""

    def __init__(self, networks: Networks, *, max_voxels: int | None = None) -> None:
        """Takes the networks; an object with more than `max_voxels` fails."""
        self.networks = networks
        self.max_voxels = max_voxels
        self._drawing = ThreadPoolExecutor(1, "draw noise")

    @classmethod
    def load(cls, folder: Path, *, max_voxels: int | None = None, **options: Any) -> "ImageTo3D":
        """Loads a folder in the published layout, plain; the options are those of `load_networks`.

        Raises:
            WeightsError: A part is missing or does not fit its config.
        """
        return cls(load_networks(folder, **options), max_voxels=max_voxels)

    @property
    def defaults(self) -> StageSettings:
        """What the weights' `pipeline.json` recommends."""
        return self.networks.modules.defaults

    @property
    def device(self) -> torch.device:
        """Where the networks work."""
        return self.networks.device

    def preprocess(self, image: RgbaImage) -> Cropped:
        """Crops to the object, on black, at the image encoder's size; on a GPU the pixel work happens there.

        Raises:
            EmptyMatteError: Nothing in the image is opaque.
        """
        if self.device.type == "cuda":
            return crop_on_device(image, self.networks.image_size, self.device)
        return crop_to_object(image, self.networks.image_size)

    @torch.no_grad()
    def encode_image(self, images: Sequence[Cropped]) -> Condition:
        """Condition tokens of preprocessed images."""
        return self.networks.encode(images)

    @torch.no_grad()
    def sample_structure(
        self,
        cond: Condition,
        generators: Sequence[torch.Generator],
        settings: SamplerSettings,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> list[Int[Tensor, "_voxels 3"]]:
        """Occupied voxels (x, y, z) of each object; an object may have none.

        `meanwhile` is called when a GPU has got its work, before the host waits for the voxels.
        """
        noise = stacked_noise(generators, self.networks.modules.structure_shape, self.device)
        with self.networks.structure_field(cond, settings) as field:
            latents = sample(field, noise, settings)
        meanwhile()
        coords = self.networks.decode_structure(latents)
        if len(generators) == 1:
            return [coords[:, 1:]]
        return [coords[coords[:, 0] == i, 1:] for i in range(len(generators))]

    @torch.no_grad()
    def sample_latents(
        self,
        field: LatentFieldOn,
        voxels: Sequence[Int[Tensor, "_voxels 3"]],
        generators: Sequence[torch.Generator],
        settings: SamplerSettings,
    ) -> SparseTensor:
        """Latents on the voxels of each object, none of them empty.

        Noise is drawn by a thread of its own, while this one prepares the grid.
        """
        modules, counts = self.networks.modules, [len(xyz) for xyz in voxels]
        noise = self._drawing.submit(voxel_noise, generators, counts, modules.latent_flow.config.in_channels)
        grid = VoxelGrid(batched_voxels(voxels), counts)
        with field(grid) as on_grid:
            feats = sample(on_grid, to_device_async(noise.result(), self.device), settings)
            return modules.latents(SparseTensor(grid=grid, feats=feats))

    @torch.no_grad()
    def decode_gaussians(self, latents: SparseTensor) -> list[Gaussians]:
        """Splats of each object, in TRELLIS's space."""
        return self.networks.decode_gaussians(latents)

    @torch.no_grad()
    def decode_mesh(self, latents: SparseTensor) -> list[Mesh]:
        """Surface of each object, in TRELLIS's space; the mesh decoder is loaded at its first use.

        Raises:
            WeightsError: The weights come without a mesh decoder.
        """
        return self.networks.decode_mesh(latents)

    @torch.no_grad()
    def generate(
        self,
        images: Sequence[RgbaImage],
        seeds: Sequence[int],
        *,
        structure: SamplerSettings | None = None,
        latents: SamplerSettings | None = None,
        clock: StageClock | None = None,
        on_placed: Callable[[int, int], None] | None = None,
        kept: dict[int, ObjectLatents] | None = None,
    ) -> list[Gaussians | MinerError]:
        """Splats, or what went wrong, for each image; a GPU may still be at work on them.

        Args:
            images: RGBA with straight alpha, of any sizes.
            seeds: One per image; the same seed and image give the same splats.
            structure: Sampling of the structure stage; by default the weights' own.
            latents: Sampling of the latent stage; by default the weights' own.
            clock: Measures preprocess, encode_image, structure, latents, gaussians.
            on_placed: Called with an image's position and its object's number of splats once the voxels are
                known, before the splats are computed.
            kept: Receives the latents of each image that has some, by its position.

        Raises:
            ValueError: If there is not one seed an image.
        """
        if len(images) != len(seeds):
            raise ValueError(f"{len(images)} images but {len(seeds)} seeds")
        clock, painting = clock or StageClock(self.device), latents or self.defaults.latents
        splats_per_voxel = self.networks.modules.gaussian_decoder.config.gaussians.num_gaussians
        items = [_Item(position=i, generator=request_generator(seed)) for i, seed in enumerate(seeds)]
        with clock("preprocess"):
            for item, image in zip(items, images, strict=True):
                self._crop(item, image)
        for group in [[item] for item in items] if self.networks.one_by_one else [items]:
            self._condition(_alive(group), clock)
            field = self._place(_alive(group), structure or self.defaults.structure, painting, clock)
            if on_placed is not None:
                for item in _alive(group):
                    on_placed(item.position, len(item.voxels) * splats_per_voxel)
            self._paint(_alive(group), field, painting, clock)
        if kept is not None:
            kept.update({item.position: item.latents for item in items if item.latents is not None})
        return [item.result for item in items]

    def _crop(self, item: _Item, image: RgbaImage) -> None:
        try:
            item.cropped = self.preprocess(image)
        except EmptyMatteError as error:
            item.fail(error)

    def _condition(self, items: Sequence[_Item], clock: StageClock) -> None:
        if items:
            between_steps()
            with clock("encode_image"):
                tokens = self.encode_image([item.cropped for item in items])
            for item, cond in zip(items, tokens, strict=True):
                item.cond = cond

    def _place(
        self, items: Sequence[_Item], settings: SamplerSettings, painting: SamplerSettings, clock: StageClock
    ) -> LatentFieldOn | None:
        """Finds the items' voxels; gives the latent flow under their conditions, if nothing failed."""
        if not items:
            return None
        cond, ahead = _conditions(items), list[LatentFieldOn]()
        with clock("structure"):
            voxels = self.sample_structure(
                cond,
                _generators(items),
                settings,
                lambda: ahead.append(self.networks.latent_field(cond, painting)),
            )
        for item, occupied in zip(items, voxels, strict=True):
            self._accept(item, occupied)
        return None if any(item.failed for item in items) else ahead[0]

    def _accept(self, item: _Item, voxels: Int[Tensor, "voxels 3"]) -> None:
        item.voxels = voxels
        if len(voxels) == 0:
            item.fail(EmptyStructureError("the structure stage found no occupied voxel"))
        elif self.max_voxels is not None and len(voxels) > self.max_voxels:
            item.fail(GenerationError(f"{len(voxels)} voxels, at most {self.max_voxels} are allowed"))

    def _paint(
        self,
        items: Sequence[_Item],
        field: LatentFieldOn | None,
        settings: SamplerSettings,
        clock: StageClock,
    ) -> None:
        if items:
            with clock("latents"):
                field = field or self.networks.latent_field(_conditions(items), settings)
                latents = self.sample_latents(
                    field, [item.voxels for item in items], _generators(items), settings
                )
            between_steps()
            with clock("gaussians"):
                splats = self.decode_gaussians(latents)
            for item, gaussians, own in zip(items, splats, separated(latents), strict=True):
                item.result, item.latents = gaussians, own


def _alive(items: Sequence[_Item]) -> list[_Item]:
    return [item for item in items if not item.failed]


def _conditions(items: Sequence[_Item]) -> Float[Tensor, "objects tokens channels"]:
    return torch.stack([item.cond for item in items])


def _generators(items: Sequence[_Item]) -> list[torch.Generator]:
    return [item.generator for item in items]
