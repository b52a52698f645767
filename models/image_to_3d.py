"""Images of cut-out objects to 3D Gaussians, a batch at a time (TRELLIS, Xiang et al. 2024).

    RGBA -> crop on black -> DINOv2 tokens -> structure -> voxels -> latents -> splats

Every item has its own noise, so batch mates change nothing but rounding, and an item that fails fails alone.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from models.clock import StageClock
from models.condition_to_3d import ConditionTo3D, StageSettings
from models.conditioning import ImageEncoder, crop_to_object
from models.conditioning.device_crop import crop_on_device
from models.errors import EmptyMatteError, EmptyStructureError, GenerationError, MinerError
from models.fast.graphs import GraphRecorder
from models.fast.plan import Switches, accelerate
from models.fast.residency import HostResident
from models.gaussians.gaussians import Gaussians
from models.latents.object_latents import ObjectLatents, separated
from models.mesh.mesh import Mesh
from models.sampling import (
    GridlessField,
    LatentField,
    SamplerSettings,
    request_generator,
    stacked_noise,
    voxel_noise,
)
from models.sparse import SparseTensor, VoxelGrid
from models.stopping import between_steps
from models.transfer import sent
from models.weights.random_layout import shell
from models.weights.random_tensors import random_weights_of

__all__ = ["ImageTo3D", "SamplerSettings", "StageSettings"]

logger = logging.getLogger(__name__)

RgbaImage = UInt8[np.ndarray, "height width 4"]
Cropped = UInt8[np.ndarray, "size size 3"] | UInt8[Tensor, "size size 3"]


class _Item:
    """One request on its way through the stages; what fails takes no part in the stages that follow."""

    cropped: Cropped
    cond: Float[Tensor, "tokens channels"]
    field: GridlessField | None = None
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
    """The image encoder and the 3D stages behind it."""

    def __init__(
        self,
        *,
        stages: ConditionTo3D,
        image_encoder: ImageEncoder,
        small: bool = False,
        max_voxels: int | None = None,
        fixed_voxels: Int[Tensor, "voxels 3"] | None = None,
    ) -> None:
        """Takes the models.

        Args:
            stages: From condition tokens to splats.
            image_encoder: From images to condition tokens.
            small: Save memory on the card: the flows rest in host memory while they are idle, and the
                objects of a batch are made one after the other. Results are those of lone requests. Flows
                with recorded steps work one by one too: they fill the card, so batches would gain nothing.
            max_voxels: An object with more fails.
            fixed_voxels: Take the place of whatever the structure stage finds, for benchmarks.
        """
        self.stages = stages
        self.image_encoder = image_encoder
        self.small = small
        self.max_voxels = max_voxels
        self.fixed_voxels = fixed_voxels
        self.one_by_one = small or self._records
        idle = [stages.structure_flow, stages.latent_flow] if small else []
        self._flows = HostResident(idle, stages.device)
        self._drawing = ThreadPoolExecutor(1, "draw noise")

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        device: torch.device | str,
        dtype: torch.dtype = torch.float32,
        image_encoder: Path | None = None,
        encoder_dtype: torch.dtype = torch.float32,
        overrides: Mapping[str, Path] | None = None,
        small: bool = False,
        max_voxels: int | None = None,
        switches: Switches | None = None,
        recorder: GraphRecorder | None = None,
    ) -> "ImageTo3D":
        """Loads a folder in the published layout.

        Args:
            folder: Holds pipeline.json and ckpts/.
            device: Where to.
            dtype: Precision of the transformers' and convolutions' torso; all else is fp32.
            image_encoder: Folder of the image encoder in transformers' layout; by default
                `folder/image_cond_model`.
            encoder_dtype: Precision of the image encoder.
            overrides: Other files for some roles, so that distilled flows drop in (see `read_pipeline`).
            small, max_voxels: See the constructor.
            switches: Fast paths; by default none. Their first calls build kernels and record.
            recorder: Holds recorded kernels; by default one of its own.

        Raises:
            ValueError: `small` with recorded kernels, which need their weights to stay where they are.
            WeightsError: A part is missing or does not fit its config.
        """
        if small and switches is not None and switches.graphs:
            raise ValueError("flows that rest in host memory have no recorded kernels")
        random = random_weights_of(folder)
        stages = ConditionTo3D.load(folder, device=device, dtype=dtype, overrides=overrides)
        encoder = ImageEncoder.load(
            image_encoder or folder / "image_cond_model", device=device, dtype=encoder_dtype
        )
        accelerate(stages, switches or Switches(), encoder, recorder)
        return cls(
            stages=stages,
            image_encoder=encoder,
            small=small,
            max_voxels=max_voxels,
            fixed_voxels=shell(random.shell_voxels).to(device) if random else None,
        )

    @property
    def defaults(self) -> StageSettings:
        """What the weights' `pipeline.json` recommends."""
        return self.stages.defaults

    @property
    def device(self) -> torch.device:
        return self.stages.device

    @property
    def _records(self) -> bool:
        """Whether steps are recorded, on a card that runs far behind its host."""
        return self.stages.latent_flow.recorded is not None

    def preprocess(self, image: RgbaImage) -> Cropped:
        """Crops to the object, on black, at the image encoder's size; on a card the pixel work happens there.

        Raises:
            EmptyMatteError: Nothing in the image is opaque.
        """
        size = self.image_encoder.image_size
        if self.device.type == "cuda":
            return crop_on_device(image, size, self.device)
        return crop_to_object(image, size)

    @torch.no_grad()
    def encode_image(self, images: Sequence[Cropped]) -> Float[Tensor, "images tokens channels"]:
        """Condition tokens of preprocessed images."""
        tokens: Tensor = self.image_encoder(self.image_encoder.to_pixels(images))
        return tokens

    def sample_structure(
        self,
        cond: Float[Tensor, "objects tokens channels"],
        generators: Sequence[torch.Generator],
        settings: SamplerSettings,
        meanwhile: Callable[[], None] | None = None,
    ) -> list[Int[Tensor, "voxels 3"]]:
        """Occupied voxels (x, y, z) of each object; an object may have none.

        `meanwhile` is called when a card has got its work, before the host waits for the voxels.
        """
        noise = stacked_noise(generators, self.stages.structure_shape, self.device)
        with self._flows.on_device(self.stages.structure_flow):
            latents = self.stages.sample_structure(cond, noise, settings)
        if meanwhile is not None:
            meanwhile()
        coords = self.stages.decode_structure(latents)
        if self.fixed_voxels is not None:
            return [self.fixed_voxels] * len(generators)
        if len(generators) == 1:
            return [coords[:, 1:]]
        return [coords[coords[:, 0] == i, 1:] for i in range(len(generators))]

    @torch.no_grad()
    def sample_latents(
        self,
        field: Callable[[], GridlessField],
        voxels: Sequence[Int[Tensor, "voxels 3"]],
        generators: Sequence[torch.Generator],
    ) -> SparseTensor:
        """Latents on the voxels of each object, none of them empty.

        Noise is drawn by a thread of its own, while this one prepares the grid. `field` is asked once the
        flow's weights are there.
        """
        counts, channels = [len(xyz) for xyz in voxels], self.stages.latent_flow.config.in_channels
        noise = self._drawing.submit(voxel_noise, generators, counts, channels)
        grid = VoxelGrid(_batched(voxels), counts)
        with self._flows.on_device(self.stages.latent_flow):
            on_grid = LatentField(field(), grid)
            return self.stages.sample_latents(on_grid, sent(noise.result(), self.device))

    def decode_gaussians(self, latents: SparseTensor) -> list[Gaussians]:
        """Splats of each object, in TRELLIS's space."""
        return self.stages.decode_gaussians(latents)

    def decode_mesh(self, latents: SparseTensor) -> list[Mesh]:
        """Surface of each object, in TRELLIS's space; the mesh decoder is loaded at its first use.

        Raises:
            WeightsError: The weights come without a mesh decoder.
        """
        return self.stages.decode_mesh(latents)

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
        """Splats, or what went wrong, for each image; a card may still be at work on them.

        Args:
            images: RGBA with straight alpha, of any sizes.
            seeds: One per image; the same seed and image give the same splats.
            structure: Sampling of the structure stage; by default the weights' own.
            latents: Sampling of the latent stage; by default the weights' own.
            clock: Measures preprocess, encode_image, structure, latents, gaussians.
            on_placed: Is told an image's position and the number of its object's splats as soon as that is
                known, before they are computed.
            kept: Receives the latents of each image that has some, by its position.
        """
        if len(images) != len(seeds):
            raise ValueError(f"{len(images)} images but {len(seeds)} seeds")
        clock, painting = clock or StageClock(self.device), latents or self.defaults.latents
        splats_per_voxel = self.stages.gaussian_decoder.config.gaussians.num_gaussians
        items = [_Item(position=i, generator=request_generator(seed)) for i, seed in enumerate(seeds)]
        with clock("preprocess"):
            for item, image in zip(items, images, strict=True):
                self._crop(item, image)
        for group in [[item] for item in items] if self.one_by_one else [items]:
            self._condition(_alive(group), clock)
            self._place(_alive(group), structure or self.defaults.structure, painting, clock)
            if on_placed is not None:
                for item in _alive(group):
                    on_placed(item.position, len(item.voxels) * splats_per_voxel)
            self._paint(_alive(group), painting, clock)
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
    ) -> None:
        if items:
            cond = _conditions(items)

            def look_ahead() -> None:
                items[0].field = self.stages.latent_field(cond, painting)

            ahead = look_ahead if self._records and len(items) == 1 else None
            with clock("structure"):
                voxels = self.sample_structure(cond, _generators(items), settings, ahead)
            for item, occupied in zip(items, voxels, strict=True):
                item.voxels = occupied
                if len(occupied) == 0:
                    item.fail(EmptyStructureError("the structure stage found no occupied voxel"))
                elif self.max_voxels is not None and len(occupied) > self.max_voxels:
                    item.fail(
                        GenerationError(f"{len(occupied)} voxels, at most {self.max_voxels} are allowed")
                    )

    def _paint(self, items: Sequence[_Item], settings: SamplerSettings, clock: StageClock) -> None:
        if items:
            voxels = [item.voxels for item in items]

            def field() -> GridlessField:
                return items[0].field or self.stages.latent_field(_conditions(items), settings)

            with clock("latents"):
                latents = self.sample_latents(field, voxels, _generators(items))
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


def _batched(voxels: Sequence[Tensor]) -> Tensor:
    """(x, y, z) rows of several objects to (object, x, y, z) rows."""
    return torch.cat([torch.nn.functional.pad(xyz, (1, 0), value=i) for i, xyz in enumerate(voxels)])
