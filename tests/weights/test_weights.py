"""Strict loading, and the published names and shapes at full size."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from command_line.places import ROOT
from models.errors import WeightsError
from models.layers import absolute_position_embedding
from models.matte import Isnet, IsnetConfig, MatteCutter
from models.structure import StructureDecoder, StructureDecoderConfig
from models.weights import build_module, load_module, read_module, read_pipeline
from models.weights.loading import torso_weights

CHECKPOINTS = (
    "ss_flow_img_dit_L_16l8_fp16",
    "ss_dec_conv3d_16l8_fp16",
    "slat_flow_img_dit_L_64l8p2_fp16",
    "slat_dec_gs_swin8_B_64l8gs32_fp16",
    "slat_dec_mesh_swin8_B_64l8m256c_fp16",
)
SMALL = StructureDecoderConfig(out_channels=1, latent_channels=2, num_res_blocks=1, channels=[4])


def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def small_decoder() -> StructureDecoder:
    return StructureDecoder(SMALL)


@pytest.mark.parametrize("prefix", ["", "Elastic"])
@pytest.mark.parametrize("name", CHECKPOINTS)
def test_full_size_modules_have_the_published_names_shapes_and_precisions(
    name: str, prefix: str, shared: Path
) -> None:
    recorded = json.loads((shared / "trellis" / "keys" / f"{name}.json").read_text())
    config, tensors = recorded["config"], recorded["tensors"]
    with torch.device("meta"):
        module = build_module(prefix + config["name"].removeprefix("Elastic"), config["args"])()
    assert shapes(module) == {key: tuple(entry["shape"]) for key, entry in tensors.items()}
    assert torso_weights(module) == {key for key, entry in tensors.items() if entry["dtype"] == "F16"}


def test_isnet_has_the_published_names_and_shapes(shared: Path) -> None:
    tensors = json.loads((shared / "isnet" / "keys.json").read_text())["tensors"]
    with torch.device("meta"):
        isnet = Isnet(IsnetConfig.published())
    assert shapes(isnet) == {key: tuple(shape) for key, (shape, _) in tensors.items()}


def test_the_published_pipeline_description_is_understood(shared: Path) -> None:
    pipeline = read_pipeline(shared / "trellis" / "published_layout")
    assert pipeline.structure.steps == 25
    assert pipeline.latents.cfg_interval == (0.5, 1.0)
    assert len(pipeline.latent_mean) == len(pipeline.latent_std) == 8
    assert "slat_decoder_mesh" in pipeline.modules


def test_a_loaded_module_is_frozen_and_equal_to_the_saved_one(tmp_path: Path) -> None:
    original = small_decoder()
    save_file({name: t.half() for name, t in original.state_dict().items()}, tmp_path / "w.safetensors")
    loaded = load_module(small_decoder, tmp_path / "w.safetensors", device="cpu")
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, original.state_dict()[name].half().float())


def test_only_the_torso_takes_the_requested_precision(tmp_path: Path) -> None:
    save_file(small_decoder().state_dict(), tmp_path / "w.safetensors")
    loaded = load_module(small_decoder, tmp_path / "w.safetensors", device="cpu", dtype=torch.float16)
    assert loaded.torso_dtype == torch.float16
    half = {name for name, tensor in loaded.state_dict().items() if tensor.dtype == torch.float16}
    assert half == {
        f"{block}.0.conv{i}.{part}"
        for block in ("middle_block", "blocks")
        for i in (1, 2)
        for part in ("weight", "bias")
    } | {f"middle_block.1.conv{i}.{part}" for i in (1, 2) for part in ("weight", "bias")}


@pytest.mark.parametrize("damage", ["missing", "unexpected", "shape", "kind"])
def test_tensors_that_do_not_fit_are_named(damage: str, tmp_path: Path) -> None:
    state = small_decoder().state_dict()
    if damage == "missing":
        del state["input_layer.bias"]
    elif damage == "unexpected":
        state["surplus"] = torch.zeros(1)
    elif damage == "shape":
        state["input_layer.bias"] = torch.zeros(9)
    else:
        state["input_layer.bias"] = torch.zeros_like(state["input_layer.bias"], dtype=torch.int64)
    save_file(state, tmp_path / "w.safetensors")
    named = r"surplus" if damage == "unexpected" else r"input_layer\.bias"
    with pytest.raises(WeightsError, match=named):
        load_module(small_decoder, tmp_path / "w.safetensors", device="cpu")


def test_absent_and_damaged_files_are_weights_errors(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weights file"):
        load_module(small_decoder, tmp_path / "absent.safetensors", device="cpu")
    (tmp_path / "w.safetensors").write_bytes(b"not a tensor")
    with pytest.raises(WeightsError, match="damaged"):
        load_module(small_decoder, tmp_path / "w.safetensors", device="cpu")


@pytest.mark.parametrize(
    ("name", "change", "complaint"),
    [
        ("SLatFlowModel", {"pe_mode": "rope"}, "rope"),
        ("SLatFlowModel", {"share_mod": True}, "share_mod"),
        ("SLatFlowModel", {"surplus": 1}, "surplus"),
        ("SLatFlowModel", {"patch_size": 4}, "patch_size"),
        ("SLatUnknownModel", {}, "SLatUnknownModel"),
    ],
)
def test_unsupported_architectures_are_refused(
    name: str, change: dict[str, Any], complaint: str, goldens: Path
) -> None:
    file = goldens / "pipeline" / "ckpts" / "slat_flow_img_dit_L_64l8p2_fp16.json"
    args = json.loads(file.read_text())["args"]
    with pytest.raises(WeightsError, match=complaint):
        build_module(name, {**args, **change})


def test_head_width_stands_in_for_the_number_of_heads(goldens: Path) -> None:
    file = goldens / "pipeline" / "ckpts" / "ss_flow_img_dit_L_16l8_fp16.json"
    args = {**json.loads(file.read_text())["args"], "num_heads": None, "num_head_channels": 32}
    assert build_module("SparseStructureFlowModel", args)().blocks[0].self_attn.num_heads == 2  # type: ignore


def test_the_stored_position_buffer_is_the_position_embedding_of_the_grid(goldens: Path) -> None:
    stored = load_file(goldens / "pipeline" / "ckpts" / "ss_flow_img_dit_L_16l8_fp16.safetensors")["pos_emb"]
    axis = torch.arange(8)
    computed = absolute_position_embedding(torch.cartesian_prod(axis, axis, axis), stored.shape[1])
    torch.testing.assert_close(computed, stored)


def test_the_stored_offsets_are_the_computed_ones(goldens: Path) -> None:
    path = goldens / "pipeline" / "ckpts" / "slat_dec_gs_swin8_B_64l8gs32_fp16"
    loaded = read_module(path, device="cpu")
    description = json.loads(path.with_suffix(".json").read_text())
    built = build_module(description["name"], description["args"])()
    torch.testing.assert_close(loaded.offset_perturbation, built.offset_perturbation)


def test_the_shipped_matting_network_is_taken_though_it_keeps_its_counters_as_floats() -> None:
    folder = ROOT / "models/embedded/matte"
    if not folder.exists():
        pytest.skip("models/embedded is missing")
    counter = "stage1.rebnconv1.bn_s1.num_batches_tracked"
    assert load_file(folder / "isnet.safetensors")[counter].is_floating_point()
    MatteCutter.load(folder, device="cpu")
