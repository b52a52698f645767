"""Fixtures of operations and of whole runs: sparse operations, samplers, preprocessing, the pipeline."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.conditioning import crop_to_object, normalized_pixels
from models.conformance.fixtures import Fixture
from models.conformance.meshes import mesh_checks
from models.conformance.multi_image import MultiImage, MultiImageField
from models.conformance.ply_columns import ply_check
from models.conformance.report import Check, bounded, close, exact, failed, skipped
from models.fast.graphs import GraphRecorder
from models.fast.trellis.networks import accelerate
from models.fast.trellis.structure_flow import structure_fields
from models.mesh.group_norm import ObjectGroupNorm
from models.sampling import (
    SamplerSettings,
    SampleStep,
    request_generator,
    sample,
    trajectory,
)
from models.sparse import SparseTensor, SubmanifoldConvolution, VoxelGrid, downsample, subdivide, upsample
from models.structure import StructureFlow
from models.trellis.modules import Modules
from models.trellis.networks import Networks, plain_networks
from models.weights import build_module, load_module


def sparse_operation_checks(fixture: Fixture) -> Iterator[Check]:
    """Convolutions, changes of resolution and group norms."""
    io = fixture.tensors()
    x = SparseTensor.of(io["in.coords"], io["in.feats"])
    for name in sorted({key.split(".")[0] for key in io if key.endswith(".conv.weight")}):
        yield close(name, _convolution(name, io).to(fixture.device)(x).feats, io[f"{name}.out"])
    coarse = downsample(x)
    yield exact("down2 coordinates", coarse.coords, io["down2.coords"])
    yield close("down2", coarse.feats, io["down2.feats"])
    yield close("up2", upsample(coarse.feats, x.grid).feats, io["up2.feats"])
    fine = subdivide(x)
    yield exact("subdivide coordinates", fine.coords, io["subdivide.coords"])
    channels = io["subdivide.feats_in4"].shape[1]
    yield close("subdivide", fine.feats[:, :channels], io["subdivide.feats_in4"])
    for name in sorted({key.split(".")[0] for key in io if re.match(r"gn\d+\.", key)}):
        yield close(
            name, _group_norm(name, io).to(fixture.device)(x.feats, x.grid.objects), io[f"{name}.out"]
        )


def _convolution(name: str, io: Mapping[str, Tensor]) -> SubmanifoldConvolution:
    weight = io[f"{name}.conv.weight"]
    module = SubmanifoldConvolution(weight.shape[4], weight.shape[0], weight.shape[1])
    module.load_state_dict({"conv.weight": weight, "conv.bias": io[f"{name}.conv.bias"]})
    return module


def _group_norm(name: str, io: Mapping[str, Tensor]) -> ObjectGroupNorm:
    """The digits of its name are the number of groups."""
    weight, bias = io[f"{name}.weight"], io[f"{name}.bias"]
    module = ObjectGroupNorm(int(name.removeprefix("gn")), len(weight))
    module.load_state_dict({"weight": weight, "bias": bias})
    return module


def sampler_checks(fixture: Fixture) -> Iterator[Check]:
    """Trajectories of the structure flow that lies in a neighbouring folder."""
    io, meta = fixture.tensors(), fixture.json("meta.json")
    flow = _neighbour_flow(fixture, str(meta["model"]))
    fields = structure_fields(flow, fixture.switches, GraphRecorder(fixture.device))
    cond = io["cond"].expand(len(io["noise"]), -1, -1)
    for name in sorted(key.removesuffix(".samples") for key in io if key.endswith(".samples")):
        settings = _settings(meta[name]["params"])
        steps = list(trajectory(fields(cond, settings), io["noise"], settings))
        yield from _trajectory_checks(name, steps, io)


def _neighbour_flow(fixture: Fixture, description: str) -> StructureFlow:
    reference = re.search(r"\.\./[\w.-]+", description)
    assert reference, f"no folder named in {description!r}"
    model = replace(fixture, folder=fixture.folder / reference[0], files=frozenset({"config.json"}))
    config = model.json("config.json")
    flow = load_module(
        build_module(config["name"], config["args"]),
        model.folder / "weights.safetensors",
        device=fixture.device,
    )
    assert isinstance(flow, StructureFlow)
    return flow


def _settings(params: Mapping[str, Any]) -> SamplerSettings:
    known = {key: params[key] for key in ("steps", "cfg_strength", "rescale_t") if key in params}
    return SamplerSettings(**known, cfg_interval=tuple(params.get("cfg_interval", (0.0, 1.0))))


def _trajectory_checks(name: str, steps: Sequence[SampleStep], io: Mapping[str, Tensor]) -> Iterator[Check]:
    moments = torch.tensor([s.step.time for s in steps] + [steps[-1].step.next_time], dtype=torch.float64)
    yield bounded(
        f"{name} times max difference", float((moments - io[f"{name}.t_seq"].cpu()).abs().max()), 1e-12
    )
    yield close(f"{name} samples", steps[-1].after, io[f"{name}.samples"])
    yield close(f"{name} first step", steps[0].after, io[f"{name}.x_t_step0"])
    yield close(f"{name} clean estimate", steps[-1].clean_estimate, io[f"{name}.pred_x0_last"])
    statistics = torch.stack([torch.stack([s.after.mean(), s.after.std()]) for s in steps])
    yield close(f"{name} mean and std", statistics, io[f"{name}.x_t_mean_std"])


def preprocess_checks(fixture: Fixture) -> Iterator[Check]:
    """Cropped images, exact to the last bit, and the image encoder's input."""
    io = fixture.tensors() if "io.safetensors" in fixture.files else {}
    for name in sorted(file.removesuffix("_in.png") for file in fixture.files if file.endswith("_in.png")):
        image = _opened(fixture.folder / f"{name}_in.png")
        if image.mode != "RGBA":
            yield skipped(f"{name} image", f"mode {image.mode}: only images with a matte are cropped")
            continue
        expected = np.array(_opened(fixture.folder / f"{name}_out.png"))
        actual = crop_to_object(np.array(image), expected.shape[0])
        yield exact(f"{name} image", torch.from_numpy(actual), torch.from_numpy(expected))
        for key in (key for key in io if key.startswith(f"{name}.dino_input_stride")):
            stride = int(key.rpartition("stride")[2])
            yield close(f"{name} pixels", normalized_pixels([actual])[:, :, ::stride, ::stride], io[key])


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.copy()


def pipeline_checks(fixture: Fixture) -> Iterator[Check]:
    """A whole run, stage by stage, each on our own results of the stage before."""
    io, meta = fixture.tensors(), fixture.json("meta.json")
    plain = plain_networks(Modules.load(fixture.folder, device=fixture.device))
    networks = accelerate(plain, fixture.switches) if fixture.switches.names() else plain
    defaults = networks.modules.defaults
    yield from _noise_checks(int(meta["seed"]), io)
    cond = io["cond"].expand(len(io["noise_ss"]), -1, -1)
    with networks.structure_field(cond, defaults.structure) as structure:
        z = sample(structure, io["noise_ss"], defaults.structure)
    yield close("structure latents", z, io["z_s"])
    yield close("occupancy logits", networks.structure_logits(z), io["occ_logits"])
    coords = networks.decode_structure(z)
    yield exact("coordinates", coords, io["coords"])
    if not torch.equal(coords, io["coords"]):
        yield failed("latents and splats", "not run: the coordinates differ")
        return
    grid = VoxelGrid(coords)
    with networks.latent_field(cond, defaults.latents)(grid) as field:
        feats = sample(field, io["noise_slat"], defaults.latents)
    latents = networks.modules.latents(SparseTensor(grid=grid, feats=feats))
    yield close("latents", latents.feats, io["slat.feats"])
    for i, splats in enumerate(networks.decode_gaussians(latents)):
        yield ply_check(f"ply {i}", splats, io[f"gs{i}.ply"])
    if "mesh0.faces" in io:
        for i, mesh in enumerate(networks.decode_mesh(latents)):
            yield from mesh_checks(f"mesh {i}", mesh, f"mesh{i}", io)
    yield from _multi_image_checks(networks, io)


def _noise_checks(seed: int, io: Mapping[str, Tensor]) -> Iterator[Check]:
    generator = request_generator(seed)
    for name in ("noise_ss", "noise_slat"):
        yield close(name, torch.randn(io[name].shape, generator=generator), io[name])


def _multi_image_checks(networks: Networks, io: Mapping[str, Tensor]) -> Iterator[Check]:
    settings = networks.modules.defaults.structure
    for mode in MultiImage:
        key = f"multi.{mode.value}.z_s"
        if key in io:
            noise = io["noise_ss"][: len(io[key])]
            images = [image.expand(len(noise), -1, -1) for image in io["multi.cond"][:, None]]
            with ExitStack() as opened:
                fields = [opened.enter_context(networks.structure_field(cond, settings)) for cond in images]
                z = sample(MultiImageField(fields, mode), noise, settings)
            yield close(f"{mode.value} structure latents", z, io[key])
