"""Condition tokens from DINOv2 with registers (Oquab et al. 2023, Darcet et al. 2023)."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from models.conditioning.dinov2 import Dinov2, Dinov2Config
from models.errors import WeightsError
from models.layers import FINAL_EPS, layer_norm
from models.transfer import to_device_async
from models.weights.loading import assign, every_tensor, load_module

PIXEL_MEAN = (0.485, 0.456, 0.406)
PIXEL_STD = (0.229, 0.224, 0.225)

SquareImage = UInt8[np.ndarray, "size size 3"] | UInt8[Tensor, "size size 3"]


class ImageEncoder(nn.Module):
    """All tokens (class, registers, patches) before the final norm, normalised without parameters."""

    def __init__(self, model: Dinov2) -> None:
        super().__init__()
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
        build = partial(Dinov2, Dinov2Config.read(folder / "config.json"))
        file = folder / "model.safetensors"
        return cls(load_module(build, file, device=device, dtype=dtype, lowered=every_tensor))

    @classmethod
    def from_state(cls, config: Dinov2Config, state: Mapping[str, Tensor]) -> "ImageEncoder":
        """Takes tensors under the names of the published transformers file, frozen, fp32 on the CPU."""
        return cls(assign(partial(Dinov2, config), state, origin="the given tensors", device="cpu"))

    @property
    def image_size(self) -> int:
        """Side in pixels for which position embeddings exist."""
        return self.model.config.image_size

    def forward(self, pixels: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch tokens channels"]:
        """Tokens of normalised pixels (see `to_pixels`), in fp32."""
        tokens: Tensor = self.model(pixels)
        return layer_norm(tokens.float(), FINAL_EPS)

    def to_pixels(self, images: Sequence[SquareImage]) -> Float[Tensor, "batch 3 size size"]:
        """Normalises images of the encoder's size, on its device."""
        device = self.model.layernorm.weight.device
        return normalized_pixels([torch.as_tensor(image).to(device) for image in images])


def normalized_pixels(images: Sequence[SquareImage]) -> Float[Tensor, "batch 3 size size"]:
    """Standardises 8-bit images with ImageNet's statistics, on their device."""
    stacked = torch.stack([torch.as_tensor(image) for image in images]).float() / 255
    mean, std = (to_device_async(values, stacked.device) for values in (PIXEL_MEAN, PIXEL_STD))
    return ((stacked - mean) / std).permute(0, 3, 1, 2).contiguous()
