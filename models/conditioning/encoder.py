"""Condition tokens from DINOv2 with registers (Oquab et al. 2023, Darcet et al. 2023)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel

from models.cpu_kernels import use_fast_linears
from models.errors import WeightsError
from models.layers import FINAL_EPS, layer_norm
from models.weights.random_tensors import random_module, random_weights_of

PIXEL_MEAN = (0.485, 0.456, 0.406)
PIXEL_STD = (0.229, 0.224, 0.225)

SquareImage = UInt8[np.ndarray, "size size 3"] | UInt8[Tensor, "size size 3"]


class ImageEncoder(nn.Module):
    """All tokens (class, registers, patches) before the final norm, normalised without parameters."""

    def __init__(self, model: Dinov2WithRegistersModel) -> None:
        super().__init__()
        use_fast_linears(model)
        self.model = model

    @classmethod
    def load(
        cls, folder: Path, *, device: torch.device | str, dtype: torch.dtype = torch.float32
    ) -> "ImageEncoder":
        """Loads the transformers layout (config.json, model.safetensors) from a local folder, frozen.

        Raises:
            WeightsError: Nothing to load there, or its tensors are not exactly those of its config.
        """
        if not (folder / "config.json").is_file():
            raise WeightsError(f"no image encoder in {folder}: config.json is missing")
        if random := random_weights_of(folder):
            config = Dinov2WithRegistersConfig.from_pretrained(folder)
            return cls(
                random_module(lambda: Dinov2WithRegistersModel(config), random, device=device, dtype=dtype)
            )
        straight_to_device = {"": device}
        model = _load_strictly(
            str(folder), folder, dtype=dtype, local_files_only=True, device_map=straight_to_device
        )
        return cls(model)

    @classmethod
    def from_state(cls, config: Dinov2WithRegistersConfig, state: Mapping[str, Tensor]) -> "ImageEncoder":
        """Takes tensors under the names of the published transformers file, frozen, fp32 on the CPU."""
        return cls(
            _load_strictly(
                "the given tensors", None, config=config, state_dict=dict(state), dtype=torch.float32
            )
        )

    @property
    def image_size(self) -> int:
        """Side in pixels for which position embeddings exist."""
        return cast(int, self.model.config.image_size)

    def forward(self, pixels: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch tokens channels"]:
        """Tokens of normalised pixels (see `to_pixels`), in fp32."""
        embedded = self.model.embeddings(pixels)
        tokens: Tensor = self.model.encoder(embedded).last_hidden_state  # before model.layernorm
        return layer_norm(tokens.float(), FINAL_EPS)

    def to_pixels(self, images: Sequence[SquareImage]) -> Float[Tensor, "batch 3 size size"]:
        """Normalises images of the encoder's size, on its device."""
        device = self.model.layernorm.weight.device
        return normalized_pixels([torch.as_tensor(image).to(device) for image in images])


def normalized_pixels(images: Sequence[SquareImage]) -> Float[Tensor, "batch 3 size size"]:
    """Standardises 8-bit images with ImageNet's statistics, on their device."""
    stacked = torch.stack([torch.as_tensor(image) for image in images]).float() / 255
    mean, std = (torch.tensor(values, device=stacked.device) for values in (PIXEL_MEAN, PIXEL_STD))
    return ((stacked - mean) / std).permute(0, 3, 1, 2).contiguous()


def _load_strictly(origin: str, source: Path | None, **options: Any) -> Dinov2WithRegistersModel:
    """transformers' loader, which translates old names; what it reports as not fitting is an error here."""
    loaded: Any = Dinov2WithRegistersModel.from_pretrained(source, output_loading_info=True, **options)
    model, report = loaded
    differences = {key: names for key, names in report.items() if "keys" in key and names}
    if differences:
        raise WeightsError(f"image encoder weights of {origin} do not fit their config: {differences}")
    frozen: Dinov2WithRegistersModel = model.eval().requires_grad_(False)
    return frozen
