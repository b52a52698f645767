"""Puts trained parts together in the layouts that the service loads.

    python -m training.export --trained DIR --out models/embedded

DIR holds what the training scripts wrote. Everything is stored in half precision, as published.
"""

import argparse
import json
import logging
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from command_line.arguments import user_path
from command_line.running import run_program
from models.gaussians.decoder import GaussianDecoder
from models.latents.flow import LatentFlow
from models.mesh.decoder import MeshDecoder
from models.structure.decoder import StructureDecoder
from models.structure.flow import StructureFlow
from training import image_to_3d, mesh_decoder, splat_vae, structure_vae
from training.shipped import CHECKPOINTS, IMAGE_ENCODER

logger = logging.getLogger(__name__)
STRUCTURE_SAMPLER = {"steps": 12, "cfg_strength": 2.0, "cfg_interval": [0.85, 1.0], "rescale_t": 3.0}
LATENT_SAMPLER = {"steps": 4, "cfg_strength": 0.0, "cfg_interval": [0.5, 1.0], "rescale_t": 3.0}
PUBLISHED_ATTENTION = {
    "attention.q_proj": "attention.attention.query",
    "attention.k_proj": "attention.attention.key",
    "attention.v_proj": "attention.attention.value",
    "attention.o_proj": "attention.output.dense",
}
ROLES = {
    "sparse_structure_flow_model": "structure_flow",
    "sparse_structure_decoder": "structure_decoder",
    "slat_flow_model": "latent_flow",
    "slat_decoder_gs": "splat_decoder",
}
MESH_ROLE, MESH_CHECKPOINT = "slat_decoder_mesh", "slat_dec_mesh_swin8_xs_64l8m256c_fp16"


def export_image_to_3d(trained: Path, folder: Path) -> None:
    """`pipeline.json`, `ckpts/`, and the image encoder in transformers' layout."""
    ckpts = folder / "ckpts"
    ckpts.mkdir(parents=True, exist_ok=True)
    parts: dict[str, tuple[nn.Module, str, dict[str, Any]]] = {
        "sparse_structure_flow_model": (
            StructureFlow(image_to_3d.STRUCTURE),
            "SparseStructureFlowModel",
            flow_arguments(image_to_3d.STRUCTURE),
        ),
        "sparse_structure_decoder": (
            StructureDecoder(structure_vae.DECODER),
            "SparseStructureDecoder",
            asdict(structure_vae.DECODER),
        ),
        "slat_flow_model": (
            LatentFlow(image_to_3d.LATENTS),
            "SLatFlowModel",
            flow_arguments(image_to_3d.LATENTS),
        ),
        "slat_decoder_gs": (GaussianDecoder(splat_vae.DECODER), "SLatGaussianDecoder", decoder_arguments()),
    }
    for role, (module, class_name, arguments) in parts.items():
        part = ROLES[role]
        name = CHECKPOINTS[part]
        save_half(module, load_file(trained / f"{part}.safetensors"), ckpts / f"{name}.safetensors")
        write_json(ckpts / f"{name}.json", {"name": class_name, "args": {**arguments, "use_fp16": True}})
    write_json(folder / "pipeline.json", pipeline(json.loads((trained / "normalization.json").read_text())))
    export_image_encoder(load_file(trained / "image_encoder.safetensors"), folder / IMAGE_ENCODER)


def export_latent_flow(trained: Path, folder: Path) -> None:
    """Replaces the latent flow of an exported family, of which everything else stays."""
    path = folder / "ckpts" / f"{CHECKPOINTS['latent_flow']}.safetensors"
    save_half(LatentFlow(image_to_3d.LATENTS), load_file(trained / "latent_flow.safetensors"), path)


def export_mesh(trained: Path, folder: Path) -> None:
    """Adds the mesh decoder to an exported family, whose latents it was trained on."""
    trunk = asdict(mesh_decoder.DECODER.trunk)
    trunk.pop("qk_rms_norm")
    representation = {"use_color": mesh_decoder.DECODER.use_color}
    arguments = {**trunk, "use_fp16": True, "representation_config": representation}
    path = folder / "ckpts" / MESH_CHECKPOINT
    state = load_file(trained / "mesh_decoder.safetensors")
    save_half(MeshDecoder(mesh_decoder.DECODER), state, path.with_suffix(".safetensors"))
    write_json(path.with_suffix(".json"), {"name": "SLatMeshDecoder", "args": arguments})
    description = json.loads((folder / "pipeline.json").read_text())
    description["args"]["models"][MESH_ROLE] = f"ckpts/{MESH_CHECKPOINT}"
    write_json(folder / "pipeline.json", description)


def export_image_encoder(state: Mapping[str, Tensor], folder: Path) -> None:
    """transformers' folder layout, with the tensor names of the published file."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {published_name(key): value.half().contiguous() for key, value in state.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = {**image_to_3d.ENCODER.to_diff_dict(), "architectures": ["Dinov2WithRegistersModel"]}
    config.pop("transformers_version", None)
    write_json(folder / "config.json", config)


def published_name(key: str) -> str:
    """transformers 5.2x renames the attention's parts in memory; files keep the older names."""
    for ours, published in PUBLISHED_ATTENTION.items():
        key = key.replace(ours, published)
    return key


def flow_arguments(config: Any) -> dict[str, Any]:
    """The published argument names are those of our configs, plus the position embedding's kind."""
    arguments = asdict(config)
    for ours in ("qk_rms_norm_cross", "use_skip_connection"):
        arguments.pop(ours, None)
    return {**arguments, "pe_mode": "ape"}


def decoder_arguments() -> dict[str, Any]:
    trunk, splats = asdict(splat_vae.DECODER.trunk), splat_vae.DECODER.gaussians
    trunk.pop("qk_rms_norm")
    representation = {
        "lr": {
            "_xyz": splats.lr_offset,
            "_features_dc": splats.lr_color,
            "_opacity": splats.lr_opacity,
            "_scaling": splats.lr_scale,
            "_rotation": splats.lr_rotation,
        },
        "perturb_offset": splats.perturb_offset,
        "voxel_size": splats.voxel_size,
        "num_gaussians": splats.num_gaussians,
        "2d_filter_kernel_size": 0.3,
        "3d_filter_kernel_size": splats.min_scale,
        "scaling_bias": splats.scale_bias,
        "opacity_bias": splats.opacity_bias,
        "scaling_activation": "softplus",
    }
    return {**trunk, "representation_config": representation}


def pipeline(normalization: Mapping[str, Any]) -> dict[str, Any]:
    def sampler(params: Mapping[str, Any]) -> dict[str, Any]:
        return {"name": "FlowEulerGuidanceIntervalSampler", "args": {"sigma_min": 1e-5}, "params": params}

    return {
        "name": "TrellisImageTo3DPipeline",
        "args": {
            "models": {role: f"ckpts/{CHECKPOINTS[part]}" for role, part in ROLES.items()},
            "sparse_structure_sampler": sampler(STRUCTURE_SAMPLER),
            "slat_sampler": sampler(LATENT_SAMPLER),
            "slat_normalization": normalization,
            "image_cond_model": "dinov2_with_registers",
        },
    }


def save_half(module: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Strictly check the state against the module and write it; buffers are the module's own."""
    module.load_state_dict(dict(state))
    fresh = dict(type(module)(module.config).named_buffers())
    tensors = {key: fresh.get(key, value).half().contiguous() for key, value in module.state_dict().items()}
    save_file(tensors, path)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def unpack(archive: Path, out: Path, folder: str) -> None:
    """A trained family that comes as one tar archive, whose top folder is `folder`."""
    shutil.rmtree(out / folder, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(out, filter="data")
    if not (out / folder).is_dir():
        raise FileNotFoundError(f"{archive} holds no folder {folder}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trained", type=user_path, required=True)
    parser.add_argument("--out", type=user_path, required=True)
    only = ("image_to_3d", "latent_flow", "matte", "mesh", "text_to_image", "validation")
    parser.add_argument("--only", choices=only)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    trained: Path = arguments.trained
    with torch.no_grad():
        if arguments.only in (None, "image_to_3d"):
            export_image_to_3d(trained, arguments.out / "image_to_3d")
        if arguments.only == "latent_flow":
            export_latent_flow(trained, arguments.out / "image_to_3d")
        if arguments.only in (None, "mesh"):
            export_mesh(trained, arguments.out / "image_to_3d")
    if arguments.only in (None, "matte"):
        shutil.copytree(trained / "matte", arguments.out / "matte", dirs_exist_ok=True)
    for folder in ("text_to_image", "validation"):
        if arguments.only in (None, folder):
            unpack(trained / f"{folder}.tar", arguments.out, folder)
    size = sum(file.stat().st_size for file in arguments.out.rglob("*") if file.is_file())
    logger.info("%s holds %.2f MB", arguments.out, size / 1e6)


if __name__ == "__main__":
    run_program(main)
