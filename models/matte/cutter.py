"""Cutting objects out of RGB images."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from models.alpha import ALPHA_THRESHOLD
from models.errors import EmptyMatteError, WeightsError
from models.matte.isnet import Isnet, IsnetConfig
from models.weights.loading import assign, read_tensors

PUBLISHED_FILE = "isnet-general-use.pth"

RgbImage = UInt8[np.ndarray, "height width 3"]
RgbaImage = UInt8[np.ndarray, "height width 4"]


class MatteCutter:
    """Gives RGB images an alpha channel from ISNet.

    The matte is the network's own sigmoid, not stretched to [0, 1]: stretching would turn an empty image into
    noise.
    """

    def __init__(self, isnet: Isnet) -> None:
        self.isnet = isnet

    @classmethod
    def load(
        cls, source: Path, *, device: torch.device | str, dtype: torch.dtype = torch.float32
    ) -> "MatteCutter":
        """Loads a folder (config.json and isnet.safetensors, or the published file) or the published file.

        Raises:
            WeightsError: Nothing to load there, or its tensors are not exactly those of its config.
        """
        published = source / PUBLISHED_FILE
        if published.is_file():
            source = published
        config, state = _read_folder(source) if source.is_dir() else _read_published(source)
        build: Callable[[], Isnet] = lambda: Isnet(config)  # noqa: E731
        isnet = assign(build, state, origin=str(source), device=device)
        return cls(isnet.to(dtype).to(memory_format=torch.channels_last))

    @torch.no_grad()
    def cut_out(self, images: Sequence[RgbImage]) -> list[RgbaImage | EmptyMatteError]:
        """RGBA with straight alpha for each image, or an error where no object was found."""
        pixels = torch.cat([self._to_pixels(image) for image in images])
        mattes: Tensor = self.isnet(pixels).float()
        return [_with_alpha(image, matte) for image, matte in zip(images, mattes, strict=True)]

    def _to_pixels(self, image: RgbImage) -> Float[Tensor, "1 3 size size"]:
        weight, size = self.isnet.conv_in.weight, self.isnet.config.input_size
        pixels = torch.from_numpy(np.array(image)).to(weight.device).permute(2, 0, 1)[None].float()
        pixels = F.interpolate(pixels, size=(size, size), mode="bilinear", align_corners=False)
        return (pixels / 255 - 0.5).to(weight.dtype)


def _with_alpha(image: RgbImage, matte: Float[Tensor, "1 size size"]) -> RgbaImage | EmptyMatteError:
    resized = F.interpolate(matte[None], size=image.shape[:2], mode="bilinear", align_corners=False)
    alpha = (resized[0, 0] * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
    if alpha.max() <= ALPHA_THRESHOLD:
        return EmptyMatteError(f"background removal found no object (highest alpha {alpha.max()} of 255)")
    rgba: RgbaImage = np.dstack([image, alpha])
    return rgba


def _read_folder(folder: Path) -> tuple[IsnetConfig, dict[str, Tensor]]:
    file = folder / "config.json"
    if not file.is_file():
        raise WeightsError(f"no ISNet in {folder}: config.json is missing")
    try:
        config = IsnetConfig(**json.loads(file.read_text()))
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{file} is not an ISNet config: {error}") from error
    return config, read_tensors(folder / "isnet.safetensors")


def _read_published(file: Path) -> tuple[IsnetConfig, dict[str, Tensor]]:
    if not file.is_file():
        raise WeightsError(f"no ISNet weights at {file}")
    state: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return IsnetConfig.published(), state
