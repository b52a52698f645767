"""The published layout: `pipeline.json`, and `ckpts/<name>.json` with `ckpts/<name>.safetensors` per module.

Class names come with or without `Elastic` in front of their model name (SLatFlowModel, ElasticSLatFlowModel).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.errors import WeightsError
from models.gaussians.decoder import GaussianDecoder, GaussianDecoderConfig, GaussianParametrization
from models.latents import LatentDecoderConfig, LatentFlow, LatentFlowConfig
from models.mesh.decoder import MeshDecoder, MeshDecoderConfig
from models.sampling.schedule import SamplerSettings
from models.structure import StructureDecoder, StructureDecoderConfig, StructureFlow, StructureFlowConfig
from models.weights.guard import weights_in
from models.weights.loading import check_names_and_shapes, load_module
from models.weights.random_tensors import random_weights_of
from models.weights.sources import TensorFiles

TRAINING_ONLY = frozenset({"use_fp16", "use_checkpoint"})
FIXED = {"pe_mode": "ape", "share_mod": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPipeline:
    """What `pipeline.json` says.

    Attributes:
        modules: Role to the path of a module's files, without their suffixes.
        structure: Default settings of the structure stage.
        latents: Default settings of the latent stage.
        latent_mean: Per channel; sampled latents are scaled by `latent_std`, then shifted by this.
        latent_std: Per channel.
    """

    modules: Mapping[str, Path]
    structure: SamplerSettings
    latents: SamplerSettings
    latent_mean: tuple[float, ...]
    latent_std: tuple[float, ...]

    def holds(self, role: str) -> bool:
        """Whether a role is named and its weights are there."""
        if role not in self.modules:
            return False
        file = weights_file(self.modules[role])
        return file.is_file() or random_weights_of(file.parent) is not None


def read_pipeline(folder: Path, overrides: Mapping[str, Path] | None = None) -> PublishedPipeline:
    """Reads `folder/pipeline.json`.

    Args:
        folder: Where it lies.
        overrides: Role to other files than it names, without suffix; relative ones start at `folder`. So a
            distilled flow of the same layout takes the place of a published one.

    Raises:
        WeightsError: It is missing or lacks a part.
    """
    file = folder / "pipeline.json"
    args = _read_json(file).get("args", {})
    try:
        normalization = args["slat_normalization"]
        return PublishedPipeline(
            modules={role: folder / path for role, path in {**args["models"], **(overrides or {})}.items()},
            structure=_sampler(args["sparse_structure_sampler"]["params"]),
            latents=_sampler(args["slat_sampler"]["params"]),
            latent_mean=tuple(normalization["mean"]),
            latent_std=tuple(normalization["std"]),
        )
    except KeyError as error:
        raise WeightsError(f"{file} lacks {error}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise WeightsError(f"{file} has a value of another kind than expected: {error}") from error


def read_module(path: Path, *, device: torch.device | str, dtype: torch.dtype = torch.float32) -> nn.Module:
    """Loads `<path>.json` and `<path>.safetensors`; `dtype` is the torso's precision.

    Raises:
        WeightsError: A file is missing, or config and tensors do not fit each other or anything known.
    """
    file = weights_file(path)
    with weights_in(file):
        return load_module(_builder(path), file, device=device, dtype=dtype)


def check_module(path: Path) -> None:
    """Whether a module could be loaded, without loading it: for what is loaded when first used.

    Raises:
        WeightsError: See `read_module`.
    """
    file = weights_file(path)
    if random_weights_of(file.parent) is not None:
        return
    with weights_in(file), torch.device("meta"):
        module = _builder(path)()
    with TensorFiles(file) as tensors:
        check_names_and_shapes(module, tensors.shapes(), tensors.origin)


def _builder(path: Path) -> Callable[[], nn.Module]:
    config = path.with_name(path.name + ".json")
    description = _read_json(config)
    try:
        return build_module(str(description.get("name", "")), description.get("args", {}))
    except WeightsError as error:
        raise WeightsError(f"{config}: {error}") from error


def weights_file(path: Path) -> Path:
    """The tensors of a module whose path is given without suffix."""
    return path.with_name(path.name + ".safetensors")


def build_module(class_name: str, args: Mapping[str, Any]) -> Callable[[], nn.Module]:
    """A builder for a published class with its published arguments.

    Raises:
        WeightsError: The class is not one of the five supported, or an argument is unknown or not supported.
    """
    name = class_name.removeprefix("Elastic")
    try:
        if name == "SparseStructureFlowModel":
            flow_config = StructureFlowConfig(**_architecture(args))
            return lambda: StructureFlow(flow_config)
        if name == "SparseStructureDecoder":
            decoder_config = StructureDecoderConfig(**_architecture(args))
            return lambda: StructureDecoder(decoder_config)
        if name == "SLatFlowModel":
            latent_config = LatentFlowConfig(**_io_levels(_architecture(args)))
            return lambda: LatentFlow(latent_config)
        if name == "SLatGaussianDecoder":
            gaussian_config = _gaussian_config(_architecture(args))
            return lambda: GaussianDecoder(gaussian_config)
        if name == "SLatMeshDecoder":
            mesh_config = _mesh_config(_architecture(args))
            return lambda: MeshDecoder(mesh_config)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise WeightsError(f"unsupported arguments of {class_name}: {error}") from error
    raise WeightsError(f"unsupported class {class_name!r}")


def _architecture(args: Mapping[str, Any]) -> dict[str, Any]:
    """Drops what says nothing of the architecture, refuses what is not supported."""
    for key, value in FIXED.items():
        if args.get(key, value) != value:
            raise ValueError(f"{key} {args[key]!r}, only {value!r} is supported")
    kept = {key: value for key, value in args.items() if key not in TRAINING_ONLY and key not in FIXED}
    head_channels = kept.pop("num_head_channels", 64)
    if "model_channels" in kept and kept.get("num_heads") is None:
        kept["num_heads"] = kept["model_channels"] // head_channels
    return kept


def _io_levels(args: dict[str, Any]) -> dict[str, Any]:
    return {**args, "io_block_channels": tuple(args.get("io_block_channels") or ())}


def _gaussian_config(args: dict[str, Any]) -> GaussianDecoderConfig:
    representation = dict(args.pop("representation_config"))
    rates = representation.pop("lr")
    activation = representation.pop("scaling_activation", "softplus")
    if activation != "softplus":
        raise ValueError(f"scaling_activation {activation!r}, only 'softplus' is supported")
    representation.pop("2d_filter_kernel_size")  # a matter of the rasteriser
    return GaussianDecoderConfig(
        trunk=LatentDecoderConfig(**args),
        gaussians=GaussianParametrization(
            num_gaussians=representation.pop("num_gaussians"),
            voxel_size=representation.pop("voxel_size"),
            min_scale=representation.pop("3d_filter_kernel_size"),
            scale_bias=representation.pop("scaling_bias"),
            opacity_bias=representation.pop("opacity_bias"),
            perturb_offset=representation.pop("perturb_offset"),
            lr_offset=rates["_xyz"],
            lr_color=rates["_features_dc"],
            lr_scale=rates["_scaling"],
            lr_rotation=rates["_rotation"],
            lr_opacity=rates["_opacity"],
            **representation,
        ),
    )


def _mesh_config(args: dict[str, Any]) -> MeshDecoderConfig:
    representation = args.pop("representation_config")
    return MeshDecoderConfig(trunk=LatentDecoderConfig(**args), **representation)


def _sampler(params: Mapping[str, Any]) -> SamplerSettings:
    return SamplerSettings(
        steps=params["steps"],
        cfg_strength=params["cfg_strength"],
        cfg_interval=tuple(params["cfg_interval"]),
        rescale_t=params["rescale_t"],
    )


def _read_json(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise WeightsError(f"no such file: {file}")
    try:
        content = json.loads(file.read_text())
    except ValueError as error:
        raise WeightsError(f"{file} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{file} does not hold a JSON object")
    return content
