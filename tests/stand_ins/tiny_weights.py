"""Tiny random weights of every role, in the layouts that the runners load."""

import dataclasses
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel

from command_line.places import ROOT
from models.matte import Isnet, IsnetConfig
from models.weights import build_module
from training import clip_family, flux_family
from training.text.tokenizers import save_clip_tokenizer

GOLDEN_PIPELINE = ROOT / "tests/goldens/pipeline"
COND_CHANNELS = 32
TEXTS = ["a pink bicycle", "blue chair with yellow legs", "green tree", "42"] * 3
OPAQUE_LOGIT = 6.0
QUANTIZATION_BLOCK = 64  # nf4 takes whole blocks of inputs
MESH_ROLE = "slat_decoder_mesh"
# What fits them: they draw nothing, so everything must pass, and the sizes are theirs.
TINY_SETTINGS = {
    "MINER__PROFILE": "embedded",
    "MINER__DEVICE": "cpu",
    "MINER__TEXT_TO_IMAGE__RESOLUTION": "64",
    "MINER__TEXT_TO_IMAGE__MAX_SEQUENCE_LENGTH": "32",
    "MINER__IMAGE_TO_3D__FAST__STRUCTURE__STEPS": "2",
    "MINER__IMAGE_TO_3D__FAST__LATENTS__STEPS": "2",
    "MINER__VALIDATION__ALIGNMENT": "-1",
    "MINER__VALIDATION__AESTHETICS": "-10",
    "MINER__VALIDATION__SIMILARITY": "-1",
    "MINER__VALIDATION__MIN_SPLATS": "0",
    "MINER__VALIDATION__VIEW_SIZE": "64",
    "MINER__RENDER__RESOLUTION": "64",
    "MINER__RENDER__SECONDS": "0.5",
}


def write_tiny_weights(folder: Path) -> None:
    """Fills a weights folder; the networks know nothing, but every tensor has its place."""
    torch.manual_seed(0)
    write_text_to_image(folder / "text_to_image")
    write_matte(folder / "matte")
    write_image_to_3d(folder / "image_to_3d")
    write_validation(folder / "validation")


def write_text_to_image(folder: Path) -> None:
    """A Flux family, wide enough for every quantisation."""
    config = dataclasses.replace(flux_family.SMOKE, t5_width=QUANTIZATION_BLOCK, t5_hidden=QUANTIZATION_BLOCK)
    vocabularies = flux_family.save_tokenizers(TEXTS, folder)
    flux_family.save_family(flux_family.FluxFamily(config, *vocabularies), folder)


def write_matte(folder: Path) -> None:
    """An ISNet that finds everything opaque."""
    config = IsnetConfig.narrow(width_divisor=16, input_size=64)
    state = {name: tensor.clone() for name, tensor in Isnet(config).state_dict().items()}
    state["side1.weight"].zero_()
    state["side1.bias"].fill_(OPAQUE_LOGIT)
    folder.mkdir(parents=True)
    save_file(state, folder / "isnet.safetensors")
    (folder / "config.json").write_text(json.dumps(dataclasses.asdict(config)))


def write_image_to_3d(folder: Path) -> None:
    """The golden run's networks behind a random image encoder."""
    shutil.copytree(GOLDEN_PIPELINE, folder)
    config = Dinov2WithRegistersConfig(
        hidden_size=COND_CHANNELS, num_hidden_layers=1, num_attention_heads=2, image_size=56, patch_size=14
    )
    Dinov2WithRegistersModel(config).save_pretrained(folder / "image_cond_model")


def write_mesh_decoder(folder: Path) -> None:
    """The mesh decoder that the golden run's pipeline.json names, random."""
    models = json.loads((folder / "pipeline.json").read_text())["args"]["models"]
    trunk = json.loads((folder / f"{models['slat_decoder_gs']}.json").read_text())["args"]
    arguments = {**trunk, "representation_config": {"use_color": True}}
    file = folder / models[MESH_ROLE]
    decoder = build_module("SLatMeshDecoder", arguments)()
    save_file(decoder.state_dict(), file.with_name(file.name + ".safetensors"))
    content = {"name": "SLatMeshDecoder", "args": arguments}
    file.with_name(file.name + ".json").write_text(json.dumps(content))


def write_validation(folder: Path) -> None:
    """A CLIP with a head."""
    vocabulary = save_clip_tokenizer(TEXTS, folder / "clip")
    head = torch.randn(1, clip_family.SMOKE.embed_dim), torch.tensor([5.0])
    clip_family.save_judge(
        clip_family.create_clip(clip_family.SMOKE, vocabulary), *head, clip_family.SMOKE, folder
    )
