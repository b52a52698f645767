"""TRELLIS's modules as they are loaded, from condition tokens on.

    cond -> structure flow -> decoder -> voxels -> latent flow -> latents -> Gaussian decoder -> splats
                                                                          `-> mesh decoder -> meshes

The space is TRELLIS's own: cube [-0.5, 0.5]^3, z up, the object's front faces -y.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.errors import WeightsError
from models.gaussians.decoder import GaussianDecoder
from models.latents import LatentFlow
from models.mesh.decoder import MeshDecoder
from models.sampling import SamplerSettings
from models.sparse import SparseTensor
from models.structure import StructureDecoder, StructureFlow
from models.weights import check_module, read_module, read_pipeline

M = TypeVar("M", bound=nn.Module)
MESH_ROLE = "slat_decoder_mesh"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSettings:
    """How both stages are sampled."""

    structure: SamplerSettings
    latents: SamplerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Modules:
    """The four models between condition tokens and splats, and the mesh decoder beside the last of them.

    Attributes:
        mesh_decoder: Loads the mesh decoder when it is first wanted, and keeps it.
        has_mesh_decoder: Whether the folder holds its checkpoint.
        latent_mean: Undoes, with `latent_std`, the normalisation of the latents that the flow was trained on.
        defaults: What `pipeline.json` recommends.
    """

    structure_flow: StructureFlow
    structure_decoder: StructureDecoder
    latent_flow: LatentFlow
    gaussian_decoder: GaussianDecoder
    mesh_decoder: Callable[[], MeshDecoder]
    has_mesh_decoder: bool
    latent_mean: Float[Tensor, " channels"]
    latent_std: Float[Tensor, " channels"]
    defaults: StageSettings

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        device: torch.device | str,
        dtype: torch.dtype = torch.float32,
        overrides: Mapping[str, Path] | None = None,
    ) -> "Modules":
        """Loads a folder in the published layout.

        The mesh decoder need not be there, and takes no memory before its first use. `overrides` are other
        files for some roles (see `read_pipeline`).

        Raises:
            WeightsError: A part is missing or does not fit its config.
        """
        pipeline = read_pipeline(folder, overrides)

        def load(role: str, kind: type[M]) -> M:
            if role not in pipeline.modules:
                raise WeightsError(f"{folder / 'pipeline.json'} names no {role}")
            module = read_module(pipeline.modules[role], device=device, dtype=dtype)
            if not isinstance(module, kind):
                raise WeightsError(f"{role} of {folder} is a {type(module).__name__}, not a {kind.__name__}")
            return module

        if pipeline.holds(MESH_ROLE):
            check_module(pipeline.modules[MESH_ROLE])
        return cls(
            structure_flow=load("sparse_structure_flow_model", StructureFlow),
            structure_decoder=load("sparse_structure_decoder", StructureDecoder),
            latent_flow=load("slat_flow_model", LatentFlow),
            gaussian_decoder=load("slat_decoder_gs", GaussianDecoder),
            mesh_decoder=cache(lambda: load(MESH_ROLE, MeshDecoder)),
            has_mesh_decoder=pipeline.holds(MESH_ROLE),
            latent_mean=torch.tensor(pipeline.latent_mean, device=device),
            latent_std=torch.tensor(pipeline.latent_std, device=device),
            defaults=StageSettings(structure=pipeline.structure, latents=pipeline.latents),
        )

    @property
    def device(self) -> torch.device:
        """Where their parameters lie."""
        return self.latent_mean.device

    @property
    def structure_shape(self) -> tuple[int, int, int, int]:
        """Shape of one object's structure latent."""
        config = self.structure_flow.config
        return (config.in_channels, config.resolution, config.resolution, config.resolution)

    def latents(self, sampled: SparseTensor) -> SparseTensor:
        """What the latent flow gave, in the decoders' scale."""
        return sampled.replace(sampled.feats * self.latent_std + self.latent_mean)
