"""Fixtures of single modules: config.json, weights.safetensors, io.safetensors, maybe io_fp16.safetensors."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from models.conditioning import ImageEncoder
from models.conditioning.dinov2 import Dinov2Config
from models.conditioning.hub_names import from_hub
from models.conformance.fixtures import Fixture
from models.conformance.meshes import decoder_checks
from models.conformance.ply_columns import ply_check
from models.conformance.report import HALF_BOUND, HALF_TO_SINGLE_BOUND, Check, close, exact, skipped, worst
from models.fast.graphs import GraphRecorder
from models.fast.trellis.gaussian_decoder import raw_splats
from models.fast.trellis.latent_flow import fused_latent_flow
from models.fast.trellis.structure_flow import fused_structure_flow
from models.gaussians.decoder import GaussianDecoder
from models.latents import LatentFlow
from models.mesh.decoder import MeshDecoder
from models.sparse import SparseTensor
from models.structure import StructureDecoder, StructureFlow, occupied_voxels
from models.weights import build_module, load_module

WITHOUT_IMPLEMENTATION = {
    "SLatRadianceFieldDecoder": "the radiance field decoder is not implemented",
}

M = TypeVar("M", bound=nn.Module)


def module_checks(fixture: Fixture) -> Iterator[Check]:
    """Runs one of the pipeline's modules, in fp32 and, where recorded, with its fp16 torso."""
    name = str(fixture.json("config.json")["name"]).removeprefix("Elastic")
    if name in WITHOUT_IMPLEMENTATION:
        yield skipped(name, WITHOUT_IMPLEMENTATION[name])
        return
    io = fixture.tensors()
    yield from _checks(_load(fixture, torch.float32), io, fixture)
    if "io_fp16.safetensors" in fixture.files:
        half = fixture.tensors("io_fp16.safetensors")
        for key, expected in half.items():
            if key.startswith("out") and expected.is_floating_point():
                actual = _raw_output(_load(fixture, torch.float16), io, fixture)
                yield close("fp16 torso", actual, expected, HALF_BOUND)


def half_checks(fixture: Fixture) -> Iterator[Check]:
    """Runs one of the pipeline's modules with an fp16 torso against its recording in fp32."""
    if not {"config.json", "weights.safetensors"} <= fixture.files:
        return
    name = str(fixture.json("config.json")["name"]).removeprefix("Elastic")
    if name in WITHOUT_IMPLEMENTATION or name == "SLatMeshDecoder":
        return
    io = fixture.tensors()
    expected = next(io[key] for key in ("out", "out.feats", "out.raw_feats") if key in io)
    actual = _raw_output(_load(fixture, torch.float16), io, fixture)
    yield close("fp16 torso to fp32", actual, expected, HALF_TO_SINGLE_BOUND)


def _load(fixture: Fixture, dtype: torch.dtype) -> nn.Module:
    config = fixture.json("config.json")
    build = build_module(config["name"], config["args"])
    file = fixture.folder / "weights.safetensors"
    module = load_module(build, file, device=fixture.device, dtype=dtype)
    if isinstance(module, StructureFlow):
        return fused_structure_flow(module, fixture.switches)
    if isinstance(module, LatentFlow):
        return fused_latent_flow(module, fixture.switches)
    return module


def _raw_output(module: nn.Module, io: Mapping[str, Tensor], fixture: Fixture) -> Tensor:
    output: Tensor | SparseTensor
    if isinstance(module, StructureFlow):
        output = module(io["in.x"], io["in.t"], io["in.cond"])
    elif isinstance(module, StructureDecoder):
        output = module(io["in.z"])
    elif isinstance(module, LatentFlow):
        output = module(_sparse_input(io), io["in.t"], io["in.cond"])
    elif isinstance(module, GaussianDecoder):
        decode = raw_splats(module, fixture.switches, GraphRecorder(fixture.device))
        output = decode(_sparse_input(io))
    else:
        output = module(_sparse_input(io))
    return output.feats if isinstance(output, SparseTensor) else output


def _checks(module: nn.Module, io: Mapping[str, Tensor], fixture: Fixture) -> Iterator[Check]:
    if isinstance(module, MeshDecoder):
        yield from decoder_checks(module, module(_sparse_input(io)), io)
        return
    output = _raw_output(module, io, fixture)
    if isinstance(module, StructureFlow):
        yield close("velocity", output, io["out"])
    elif isinstance(module, StructureDecoder):
        yield close("logits", output, io["out"])
        yield exact("coordinates", occupied_voxels(output), io["out.coords_gt0"])
    elif isinstance(module, LatentFlow):
        yield close("velocity", output, io["out.feats"])
    elif isinstance(module, GaussianDecoder):
        yield close("raw features", output, io["out.raw_feats"])
        yield from gaussian_checks(module, output, io)


def gaussian_checks(decoder: GaussianDecoder, raw: Tensor, io: Mapping[str, Tensor]) -> Iterator[Check]:
    """Compares the splats of every object, activated and as PLY columns."""
    for i, splats in enumerate(decoder.to_gaussians(raw, _sparse_input(io).grid)):
        pairs = [
            (splats.means, io[f"gs{i}.get_xyz"]),
            (splats.scales, io[f"gs{i}.get_scaling"]),
            (splats.opacities[:, None], io[f"gs{i}.get_opacity"]),
            (splats.quats_wxyz, io[f"gs{i}.get_rotation"]),
        ]
        yield worst(f"splats {i}", pairs)
        yield ply_check(f"ply {i}", splats, io[f"gs{i}.ply"])


def image_encoder_checks(fixture: Fixture) -> Iterator[Check]:
    """Runs DINOv2 with registers from torch.hub's names."""
    config = fixture.json("config.json")
    state = {name: tensor.float() for name, tensor in fixture.tensors("weights_hub.safetensors").items()}
    encoder = ImageEncoder.from_state(
        Dinov2Config(
            hidden_size=config["embed_dim"],
            num_hidden_layers=config["depth"],
            num_attention_heads=config["num_heads"],
            image_size=config["img"],
            patch_size=config["patch"],
            num_register_tokens=config["registers"],
            layer_norm_eps=config["ln_eps"],
        ),
        from_hub(state),
    ).to(fixture.device)
    io = fixture.tensors()
    yield close("tokens", encoder(io["in.pixels"]), io["out.cond"])


def _sparse_input(io: Mapping[str, Tensor]) -> SparseTensor:
    return SparseTensor.of(io["in.coords"], io["in.feats"])
