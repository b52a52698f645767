"""TRELLIS's networks as functions: what `ImageTo3D` calls, without knowing how they are computed.

`plain_networks` gives the readable reference. Whoever has a faster equal of a function makes a new value with
`dataclasses.replace`; the modules themselves are never changed.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.conditioning import ImageEncoder
from models.conditioning.encoder import SquareImage
from models.gaussians.gaussians import Gaussians
from models.mesh.mesh import Mesh
from models.sampling import GridlessField, LatentField, SamplerSettings, StructureField, VelocityField
from models.sparse import SparseTensor, VoxelGrid
from models.structure import occupied_voxels
from models.trellis.modules import Modules
from models.weights.random_layout import shell
from models.weights.random_tensors import random_weights_of

Condition = Float[Tensor, "objects tokens channels"]
InUse = AbstractContextManager[VelocityField]  # a field that is good for the length of the block
LatentFieldOn = Callable[[VoxelGrid], InUse]


@dataclass(frozen=True, slots=True, kw_only=True)
class Networks:
    """One function a network.

    Attributes:
        modules: Whose parameters the functions read; they are told by them, not by the functions.
        encoder: The image encoder; None where conditions come from elsewhere.
        encode: Condition tokens of square images of the encoder's size.
        structure_field: The structure flow under a condition, for one schedule.
        structure_logits: The structure decoder.
        occupied: Voxels (object, x, y, z) of its logits, in lexicographic order; an object may have none.
        latent_field: The same as `structure_field` for the latent flow, on a grid that need not be known yet:
            what does not depend on it may be computed ahead.
        decode_gaussians: Splats of every object, in TRELLIS's space.
        recorded_voxels: Objects of up to so many voxels are made by recorded kernels, which read the
            parameters where they are; 0 if nothing is recorded.
        one_by_one: Objects of a batch are made one after the other: together they would not be faster, or
            would take more memory than there is.
    """

    modules: Modules
    encoder: ImageEncoder | None
    encode: Callable[[Sequence[SquareImage]], Condition]
    structure_field: Callable[[Condition, SamplerSettings], InUse]
    structure_logits: Callable[[Float[Tensor, "objects channels r r r"]], Float[Tensor, "objects 1 s s s"]]
    latent_field: Callable[[Condition, SamplerSettings], LatentFieldOn]
    decode_gaussians: Callable[[SparseTensor], list[Gaussians]]
    occupied: Callable[[Float[Tensor, "objects 1 s s s"]], Int[Tensor, "voxels 4"]] = occupied_voxels
    recorded_voxels: int = 0
    one_by_one: bool = False

    @property
    def device(self) -> torch.device:
        """Where the networks work."""
        return self.modules.device

    @property
    def image_size(self) -> int:
        """Side in pixels of the images that are encoded."""
        return _known(self.encoder).image_size

    def decode_structure(self, z: Float[Tensor, "objects channels r r r"]) -> Int[Tensor, "voxels 4"]:
        """Occupied voxels of structure latents."""
        return self.occupied(self.structure_logits(z))

    def decode_mesh(self, latents: SparseTensor) -> list[Mesh]:
        """The surface of every object, which may have no faces; the decoder is loaded at its first use.

        Raises:
            WeightsError: The folder holds no mesh decoder.
        """
        decoder = self.modules.mesh_decoder()
        return decoder.to_meshes(decoder(latents))


def plain_networks(modules: Modules, encoder: ImageEncoder | None = None) -> Networks:
    """The modules as they are."""

    def encode(images: Sequence[SquareImage]) -> Condition:
        tokens: Tensor = _known(encoder)(_known(encoder).to_pixels(images))
        return tokens

    def structure_field(cond: Condition, settings: SamplerSettings) -> InUse:
        return nullcontext(StructureField.of(modules.structure_flow, cond, settings))

    def latent_field(cond: Condition, settings: SamplerSettings) -> LatentFieldOn:
        gridless = GridlessField.of(modules.latent_flow, cond, settings)
        return lambda grid: nullcontext(LatentField(gridless, grid))

    def decode_gaussians(latents: SparseTensor) -> list[Gaussians]:
        decoder = modules.gaussian_decoder
        return decoder.to_gaussians(decoder(latents), latents.grid)

    return Networks(
        modules=modules,
        encoder=encoder,
        encode=encode,
        structure_field=structure_field,
        structure_logits=modules.structure_decoder,
        latent_field=latent_field,
        decode_gaussians=decode_gaussians,
    )


def load_networks(
    folder: Path,
    *,
    device: torch.device | str,
    dtype: torch.dtype = torch.float32,
    image_encoder: Path | None = None,
    encoder_dtype: torch.dtype = torch.float32,
    overrides: Mapping[str, Path] | None = None,
) -> Networks:
    """Loads a folder in the published layout, plain.

    Args:
        folder: Holds pipeline.json and ckpts/.
        device: Where to.
        dtype: Precision of the transformers' and convolutions' torso; all else is fp32.
        image_encoder: Folder of the image encoder in transformers' layout; by default
            `folder/image_cond_model`.
        encoder_dtype: Precision of the image encoder.
        overrides: Other files for some roles, so that distilled flows drop in (see `read_pipeline`).

    Raises:
        WeightsError: A part is missing or does not fit its config.
    """
    random = random_weights_of(folder)
    modules = Modules.load(folder, device=device, dtype=dtype, overrides=overrides)
    encoder = ImageEncoder.load(
        image_encoder or folder / "image_cond_model", device=device, dtype=encoder_dtype
    )
    networks = plain_networks(modules, encoder)
    return with_structure(networks, shell(random.shell_voxels)) if random else networks


def with_structure(networks: Networks, voxels: Int[Tensor, "voxels 3"]) -> Networks:
    """Networks that give every object these voxels, whatever its structure is; for benchmarks."""
    there = voxels.to(networks.device)

    return replace(networks, occupied=lambda logits: batched_voxels([there] * len(logits)))


def batched_voxels(voxels: Sequence[Int[Tensor, "_voxels 3"]]) -> Int[Tensor, "voxels 4"]:
    """(x, y, z) rows of several objects to (object, x, y, z) rows."""
    return torch.cat([torch.nn.functional.pad(xyz, (1, 0), value=i) for i, xyz in enumerate(voxels)])


def _known(encoder: ImageEncoder | None) -> ImageEncoder:
    if encoder is None:
        raise ValueError("these networks come without an image encoder")
    return encoder
