"""The parts of a FLUX.1 folder, each loaded strictly and straight onto its device.

    transformer/     12 B values; its blocks' linear layers may be quantised
    text_encoder_2/  T5-XXL's encoder, 4.8 B values; all of its linear layers may be quantised
    text_encoder/, vae/, tokenizer*/, scheduler/   small; by their libraries' own loaders

A quantised layer is made while its weight is read: the bf16 model never lies on the GPU as a whole.
"""

import json
from pathlib import Path
from typing import Any, cast

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel
from tokenizers import Tokenizer
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel, T5TokenizerFast

from models.errors import WeightsError
from models.weights.loading import Scheme, assign_quantized
from models.weights.random_tensors import RandomTensors, RandomWeights, random_module, random_weights_of
from models.weights.sources import TensorFiles, files_of

BLOCKS = ("transformer_blocks.", "single_transformer_blocks.")
SHARED_EMBEDDING = frozenset({"encoder.embed_tokens.weight"})


def build_transformer(config: dict[str, Any]) -> FluxTransformer2DModel:
    """The transformer that a config describes."""
    return cast(FluxTransformer2DModel, FluxTransformer2DModel.from_config(config))


def build_t5(config: dict[str, Any]) -> T5EncoderModel:
    """The T5 encoder that a config describes, with one embedding under both of its names."""
    model = T5EncoderModel(T5Config(**config))
    model.set_input_embeddings(model.shared)
    return model


def load_transformer(
    folder: Path, *, device: torch.device | str, dtype: torch.dtype, scheme: Scheme | None = None
) -> FluxTransformer2DModel:
    """Loads `transformer/`; `scheme` quantises the linear layers of the blocks.

    Raises:
        WeightsError: Files are missing, or names and shapes are not those of the config.
    """
    config = read_config(folder)
    return _load_big(
        folder,
        "diffusion_pytorch_model",
        lambda: build_transformer(config),
        device=device,
        dtype=dtype,
        scheme=scheme,
        prefixes=BLOCKS,
    )


def load_t5(
    folder: Path, *, device: torch.device | str, dtype: torch.dtype, scheme: Scheme | None = None
) -> T5EncoderModel:
    """Loads `text_encoder_2/`; `scheme` quantises every linear layer.

    Raises:
        ValueError: For fp16, in which T5's activations overflow.
        WeightsError: Files are missing, or names and shapes are not those of the config.
    """
    if dtype == torch.float16:
        raise ValueError("T5 overflows in float16; use bfloat16 or float32")
    config = read_config(folder)
    return _load_big(
        folder,
        "model",
        lambda: build_t5(config),
        device=device,
        dtype=dtype,
        scheme=scheme,
        prefixes=("encoder.",),
    )


def load_t5_tokenizer(folder: Path) -> T5TokenizerFast:
    """The tokenizer with its file's normaliser, of which transformers keeps only the published kind."""
    tokenizer: T5TokenizerFast = T5TokenizerFast.from_pretrained(folder)
    file = folder / "tokenizer.json"
    normalizer = Tokenizer.from_file(str(file)).normalizer if file.exists() else None
    if normalizer is not None and tokenizer.backend_tokenizer.normalizer is None:
        tokenizer.backend_tokenizer.normalizer = normalizer
    return tokenizer


def load_clip_text(folder: Path, *, device: torch.device | str, dtype: torch.dtype) -> CLIPTextModel:
    """Loads `text_encoder/`.

    Raises:
        WeightsError: Its tensors are not those of its config.
    """
    if random := random_weights_of(folder):
        config = CLIPTextConfig(**read_config(folder))
        return random_module(lambda: CLIPTextModel(config), random, device=device, dtype=dtype)
    loaded: Any = CLIPTextModel.from_pretrained(
        folder, dtype=dtype, device_map={"": device}, local_files_only=True, output_loading_info=True
    )
    return cast(CLIPTextModel, _complete(loaded, folder))


def load_vae(folder: Path, *, device: torch.device | str, dtype: torch.dtype) -> AutoencoderKL:
    """Loads `vae/`.

    Raises:
        WeightsError: Its tensors are not those of its config.
    """
    if random := random_weights_of(folder):
        config = read_config(folder)
        return random_module(lambda: AutoencoderKL.from_config(config), random, device=device, dtype=dtype)
    loaded: Any = AutoencoderKL.from_pretrained(
        folder, dtype=dtype, local_files_only=True, output_loading_info=True
    )
    return cast(AutoencoderKL, _complete(loaded, folder).to(device))


def load_scheduler(folder: Path) -> FlowMatchEulerDiscreteScheduler:
    """Loads `scheduler/`."""
    return cast(FlowMatchEulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler.from_pretrained(folder))


def read_config(folder: Path) -> dict[str, Any]:
    """A part's config.json.

    Raises:
        WeightsError: It is missing or not JSON.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise WeightsError(f"no config.json in {folder}")
    try:
        return cast(dict[str, Any], json.loads(file.read_text(encoding="utf-8")))
    except ValueError as error:
        raise WeightsError(f"{file} is not JSON: {error}") from error


def _load_big(
    folder: Path,
    stem: str,
    build: Any,
    *,
    device: torch.device | str,
    dtype: torch.dtype,
    scheme: Scheme | None,
    prefixes: tuple[str, ...],
) -> Any:
    def targets(name: str) -> bool:
        return name.startswith(prefixes)

    options: Any = {"device": device, "dtype": dtype, "scheme": scheme, "targets": targets}
    if random := random_weights_of(folder):
        source = random_source(build, random, dtype=dtype)
        return assign_quantized(build, source, **options, shared=SHARED_EMBEDDING)
    with TensorFiles(*files_of(folder, stem)) as files:
        return assign_quantized(build, files, **options, shared=SHARED_EMBEDDING)


def random_source(build: Any, weights: RandomWeights, *, dtype: torch.dtype) -> RandomTensors:
    """Random tensors for everything that `build` makes."""
    with torch.device("meta"):
        model: nn.Module = build()
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    return RandomTensors(shapes, weights, dtype=dtype)


def _complete(loaded: tuple[nn.Module, dict[str, Any]], folder: Path) -> nn.Module:
    """What a library's loader reports as not fitting is an error here."""
    model, report = loaded
    names = {key: value for key, value in report.items() if "keys" in key and value}
    if names:
        raise WeightsError(f"the weights in {folder} do not fit their config: {names}")
    return model.eval().requires_grad_(False)
