"""Images of cut-out objects to 3D Gaussians, a batch at a time (TRELLIS, Xiang et al. 2024).

    RGBA -> crop on black -> DINOv2 tokens -> structure -> voxels -> latents -> splats

Every item has its own noise, so batch mates change nothing but rounding, and an item that fails fails alone.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, UInt8
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

__all__ = ["ImageTo3D", "Made", "SamplerSettings", "StageSettings"]

logger = logging.getLogger(__name__)

RgbaImage = UInt8[np.ndarray, "_height _width 4"]
Cropped = UInt8[np.ndarray, "size size 3"] | UInt8[Tensor, "size size 3"]
Placed = Callable[[int, int], None]  # of an image's position and its object's number of splats


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What one request got.

    Attributes:
        gaussians: In TRELLIS's space, not cleaned up.
        latents: Those that they were decoded from; a mesh can be, too.
    """

    gaussians: Gaussians
    latents: ObjectLatents


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """One request on its way through the stages."""

    position: int
    cropped: Cropped
    generator: torch.Generator


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
        on_placed: Placed = lambda position, num_splats: None,
    ) -> list[Made | MinerError]:
        """Splats, or what went wrong, for each image; a GPU may still be at work on them.

        Args:
            images: RGBA with straight alpha, of any sizes.
            seeds: One per image; the same seed and image give the same splats.
            structure: Sampling of the structure stage; by default the weights' own.
            latents: Sampling of the latent stage; by default the weights' own.
            clock: Measures preprocess, encode_image, structure, latents, gaussians.
            on_placed: Called with an image's position and its object's number of splats once the voxels are
                known, before the splats are computed: files can be made ready while the GPU works.

        Raises:
            ValueError: If there is not one seed an image.
        """
        if len(images) != len(seeds):
            raise ValueError(f"{len(images)} images but {len(seeds)} seeds")
        clock, defaults = clock or StageClock(self.device), self.defaults
        settings = StageSettings(
            structure=structure or defaults.structure, latents=latents or defaults.latents
        )
        with clock("preprocess"):
            cropped = [self._cropped(image) for image in images]
        results: dict[int, Made | MinerError] = {}
        items: list[_Item] = []
        for position, (crop, seed) in enumerate(zip(cropped, seeds, strict=True)):
            if isinstance(crop, MinerError):
                results[position] = _failed(crop)
            else:
                items.append(_Item(position=position, cropped=crop, generator=request_generator(seed)))
        for group in [[item] for item in items] if self.networks.one_by_one else [items]:
            results |= self._made(group, settings, clock, on_placed)
        return [results[position] for position in range(len(images))]

    def _cropped(self, image: RgbaImage) -> Cropped | EmptyMatteError:
        try:
            return self.preprocess(image)
        except EmptyMatteError as error:
            return error

    def _made(
        self, items: Sequence[_Item], settings: StageSettings, clock: StageClock, on_placed: Placed
    ) -> dict[int, Made | MinerError]:
        """One batch's results by position; an item without voxels takes no part in what follows."""
        if not items:
            return {}
        between_steps()
        with clock("encode_image"):
            cond = self.encode_image([item.cropped for item in items])
        voxels, field = self._placed(items, cond, settings, clock)
        refusals = [self._refusal(xyz) for xyz in voxels]
        results: dict[int, Made | MinerError] = {
            item.position: _failed(error)
            for item, error in zip(items, refusals, strict=True)
            if error is not None
        }
        alive = [i for i, error in enumerate(refusals) if error is None]
        if not alive:
            return results
        splats_per_voxel = self.networks.modules.gaussian_decoder.config.gaussians.num_gaussians
        for i in alive:
            on_placed(items[i].position, len(voxels[i]) * splats_per_voxel)
        with clock("latents"):
            if results:
                field = self.networks.latent_field(cond[alive], settings.latents)
            generators = [items[i].generator for i in alive]
            latents = self.sample_latents(field, [voxels[i] for i in alive], generators, settings.latents)
        between_steps()
        with clock("gaussians"):
            splats = self.decode_gaussians(latents)
        for i, gaussians, own in zip(alive, splats, separated(latents), strict=True):
            results[items[i].position] = Made(gaussians=gaussians, latents=own)
        return results

    def _placed(
        self, items: Sequence[_Item], cond: Condition, settings: StageSettings, clock: StageClock
    ) -> tuple[list[Int[Tensor, "_voxels 3"]], LatentFieldOn]:
        """Each item's voxels, and the latent flow under the conditions of all."""
        ahead: list[LatentFieldOn] = []

        def prepare() -> None:
            ahead.append(self.networks.latent_field(cond, settings.latents))

        with clock("structure"):
            generators = [item.generator for item in items]
            voxels = self.sample_structure(cond, generators, settings.structure, prepare)
        return voxels, ahead[0]

    def _refusal(self, voxels: Int[Tensor, "_voxels 3"]) -> MinerError | None:
        """Why no object is made of these voxels."""
        if len(voxels) == 0:
            return EmptyStructureError("the structure stage found no occupied voxel")
        if self.max_voxels is not None and len(voxels) > self.max_voxels:
            return GenerationError(f"{len(voxels)} voxels, at most {self.max_voxels} are allowed")
        return None


def _failed(error: MinerError) -> MinerError:
    logger.info("a request failed: %s", error)
    return error
