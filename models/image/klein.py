"""FLUX.2-klein-4B (Apache-2.0, not gated) in place of FLUX.1-schnell: another folder, the same calls.

text_encoder/ Qwen3, transformer/, vae/ AutoencoderKLFlux2, tokenizer/, scheduler/
"""

from pathlib import Path
from typing import Any

import torch
from diffusers import Flux2KleinPipeline
from torch import nn

from models.weights.loading import Scheme


def load_klein(
    folder: Path,
    *,
    device: torch.device | str,
    dtype: torch.dtype,
    transformer_scheme: Scheme | None,
    text_encoder_scheme: Scheme | None,
) -> Any:
    """The pipeline in a folder of its published layout; big layers are quantised on the way."""
    pipeline = Flux2KleinPipeline.from_pretrained(folder, dtype=dtype, local_files_only=True)
    quantize_blocks(pipeline.transformer, transformer_scheme, device)
    quantize_blocks(pipeline.text_encoder, text_encoder_scheme, device)
    return pipeline.to(device)


def quantize_blocks(module: nn.Module, scheme: Scheme | None, device: torch.device | str) -> None:
    """Replaces the linear layers of a network's repeated blocks, one at a time."""
    if scheme is None:
        return
    for name, layer in list(module.named_modules()):
        inside_a_block = any(part.isdecimal() for part in name.split("."))
        if isinstance(layer, nn.Linear) and inside_a_block:
            quantized = scheme(layer.weight.detach().to(device))
            quantized.bias = layer.bias
            module.set_submodule(name, quantized)
