"""Random weights of the published shapes, and the published shapes themselves."""

import json
from pathlib import Path

import open_clip
import pytest
import torch
from diffusers import AutoencoderKL
from torch import nn

from command_line.places import ROOT
from configuration import ConfigurationError
from configuration.profiles import GIB, choose_profile
from models.conditioning.dinov2 import Dinov2, Dinov2Config
from models.image.flux_parts import build_t5, build_transformer
from models.weights import build_module, published_shapes
from models.weights.manifest import CLIP, DINOV2, WeightSource
from models.weights.manifest import FLUX as FLUX_SOURCE
from models.weights.random_layout import shell, write_random_layout
from models.weights.random_tensors import RandomTensors, RandomWeights

SHARED = ROOT.parent / "shared"
FLUX = SHARED / "data/FLUX.1-schnell"
needs_flux = pytest.mark.skipif(not FLUX.is_dir(), reason="the published FLUX.1-schnell configs are not here")


def indexed(part: str, stem: str) -> tuple[set[str], int]:
    """Names and total bytes of a published part."""
    index = json.loads((FLUX / part / f"{stem}.safetensors.index.json").read_text(encoding="utf-8"))
    return set(index["weight_map"]), int(index["metadata"]["total_size"])


def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def num_values(module: nn.Module) -> int:
    return sum(tensor.numel() for tensor in module.state_dict().values())


def within_a_percent(size: int, source: WeightSource, path: str) -> bool:
    """Whether the manifest tells the operator about this size."""
    (estimate,) = (file.estimate for file in source.files if file.path == path)
    assert estimate is not None
    return abs(size - estimate) < estimate / 100


@needs_flux
def test_the_transformer_has_exactly_the_published_names_and_size() -> None:
    names, size = indexed("transformer", "diffusion_pytorch_model")
    config = json.loads((FLUX / "transformer/config.json").read_text(encoding="utf-8"))
    for description in (config, published_shapes.FLUX_TRANSFORMER):
        with torch.device("meta"):
            state = build_transformer(description).state_dict()
        assert set(state) == names
        assert 2 * sum(tensor.numel() for tensor in state.values()) == size


@needs_flux
def test_t5_has_exactly_the_published_names_and_size() -> None:
    names, size = indexed("text_encoder_2", "model")
    config = json.loads((FLUX / "text_encoder_2/config.json").read_text(encoding="utf-8"))
    for description in (config, published_shapes.FLUX_T5):
        with torch.device("meta"):
            state = build_t5(description).state_dict()
        assert set(state) - {"encoder.embed_tokens.weight"} == names
        assert 2 * sum(state[name].numel() for name in names) == size


@pytest.mark.parametrize("role", sorted(published_shapes.TRELLIS_MODULES))
def test_trellis_has_exactly_the_published_names_and_shapes(role: str) -> None:
    file, class_name, arguments = published_shapes.TRELLIS_MODULES[role]
    keys = SHARED / "trellis/keys" / f"{Path(file).name}.json"
    if not keys.is_file():
        pytest.skip(f"the published names {keys.name} are not here")
    tensors = json.loads(keys.read_text(encoding="utf-8"))["tensors"]
    with torch.device("meta"):
        module = build_module(class_name, arguments)()
    assert shapes(module) == {name: tuple(entry["shape"]) for name, entry in tensors.items()}


def test_the_image_encoder_has_exactly_the_published_names_and_shapes() -> None:
    keys = SHARED / "trellis/keys/dinov2_vitl14_reg.hf.json"
    if not keys.is_file():
        pytest.skip(f"the published names {keys.name} are not here")
    tensors = json.loads(keys.read_text(encoding="utf-8"))["tensors"]
    with torch.device("meta"):
        model = Dinov2(Dinov2Config.of(published_shapes.DINOV2, "the published config"))
    assert shapes(model) == {name: tuple(shape) for name, shape in tensors.items()}
    assert within_a_percent(4 * num_values(model), DINOV2, "model.safetensors")


@needs_flux
def test_the_autoencoder_has_the_names_and_shapes_of_the_published_config() -> None:
    config = json.loads((FLUX / "vae/config.json").read_text(encoding="utf-8"))
    with torch.device("meta"):
        published, ours = (
            AutoencoderKL.from_config(description) for description in (config, published_shapes.FLUX_VAE)
        )
    assert shapes(ours) == shapes(published)
    assert within_a_percent(2 * num_values(ours), FLUX_SOURCE, "vae/diffusion_pytorch_model.safetensors")


def test_clip_has_the_names_and_shapes_of_openais_vit_l_14() -> None:
    config = published_shapes.CLIP_VIT_L_14["model_cfg"]
    openai = open_clip.get_model_config("ViT-L-14-quickgelu")  # what open_clip builds for the tag `openai`
    with torch.device("meta"):
        published, ours = (open_clip.CLIP(**description) for description in (openai, config))
    assert shapes(ours) == shapes(published)
    assert config["quick_gelu"] == openai["quick_gelu"]
    assert within_a_percent(4 * num_values(ours), CLIP, "open_clip_model.safetensors")


def test_the_shell_is_the_published_benchmarks() -> None:
    axis = torch.arange(64)
    points = torch.cartesian_prod(axis, axis, axis)
    distance = (points.double() - 31.5).norm(dim=1)
    assert torch.equal(shell(16_040), points[(distance > 27.4) & (distance < 29.0)])
    thick = shell(32_768)
    assert len(torch.unique(thick, dim=0)) == 32_768
    with pytest.raises(ValueError, match="voxels"):
        shell(200_000)


def test_the_layout_needs_no_tensor_file_and_few_bytes(tmp_path: Path) -> None:
    write_random_layout(tmp_path, RandomWeights(seed=0, shell_voxels=16_040))
    assert not list(tmp_path.rglob("*.safetensors"))
    assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) < 2**20


def test_the_seed_decides_the_tensors() -> None:
    def drawn(seed: int) -> torch.Tensor:
        source = RandomTensors({"layer.weight": (64, 256)}, RandomWeights(seed=seed, shell_voxels=1))
        return source.read("layer.weight", "cpu")

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    assert float(drawn(1).std()) == pytest.approx(1 / 16, rel=0.05)


def test_random_weights_need_a_gpu_and_say_what_they_are() -> None:
    def choose(profile: str, weights: str, gib: int) -> str:
        choice = choose_profile(
            profile=profile, weights=weights, device="auto", base=Path(), gpu_bytes=gib * GIB
        )
        assert "RANDOM" in choice.reason
        return choice.profile

    assert choose("auto", "random", 80) == "80gb"
    assert choose("24gb", "random:32768", 80) == "24gb"
    assert choose("auto", "random", 24) == "24gb"
    for profile, weights, gib, message in (
        ("auto", "random", 0, "needs a GPU"),
        ("embedded", "random", 80, "no published shapes"),
        ("24gb", "random:many", 80, "must name 1 to"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            choose(profile, weights, gib)
