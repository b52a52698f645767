"""Cutting objects out of RGB images.

    RGB -> device, resized -> network -> matte -> resized back -> RGBA with straight alpha -> host

All pixel work happens on the network's device; an image travels there and back once.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from models.conditioning.preprocess import ALPHA_THRESHOLD
from models.errors import EmptyMatteError
from models.matte.networks import DEFAULT_NETWORK, MatteNetwork, load_network

RgbImage = UInt8[np.ndarray, "_height _width 3"]
RgbaImage = UInt8[np.ndarray, "_height _width 4"]


class MatteCutter:
    """Gives RGB images an alpha channel.

    The matte is the network's own, not stretched to [0, 1]: stretching would turn an empty image into noise.
    """

    def __init__(self, network: MatteNetwork) -> None:
        """Takes the network."""
        self.network = network

    @classmethod
    def load(
        cls,
        source: Path,
        *,
        device: torch.device | str,
        dtype: torch.dtype = torch.float32,
        network: str = DEFAULT_NETWORK,
    ) -> "MatteCutter":
        """Loads the network of a name from its folder.

        Raises:
            WeightsError: There is no such network, or its weights are missing or do not fit.
        """
        return cls(load_network(network, source, device=device, dtype=dtype))

    @torch.no_grad()
    def cut_out(self, images: Sequence[RgbImage]) -> list[RgbaImage | EmptyMatteError]:
        """RGBA with straight alpha for each image, or an error where no object was found."""
        pixels = [torch.from_numpy(np.array(image)).to(self.network.device) for image in images]
        mattes = self.network(torch.cat([self._to_input(rgb) for rgb in pixels]))
        return [_with_alpha(rgb, matte) for rgb, matte in zip(pixels, mattes, strict=True)]

    def _to_input(self, rgb: UInt8[Tensor, "height width 3"]) -> Float[Tensor, "1 3 size size"]:
        size = self.network.input_size
        image = rgb.permute(2, 0, 1)[None].float()
        return F.interpolate(image, size=(size, size), mode="bilinear", align_corners=False) / 255


def _with_alpha(
    rgb: UInt8[Tensor, "height width 3"], matte: Float[Tensor, "1 size size"]
) -> RgbaImage | EmptyMatteError:
    resized = F.interpolate(matte[None], size=rgb.shape[:2], mode="bilinear", align_corners=False)
    alpha = (resized[0, 0] * 255).round().clamp(0, 255).to(torch.uint8)
    rgba: RgbaImage = torch.cat([rgb, alpha[..., None]], dim=2).cpu().numpy()
    highest = int(rgba[..., 3].max())
    if highest <= ALPHA_THRESHOLD:
        return EmptyMatteError(f"background removal found no object (highest alpha {highest} of 255)")
    return rgba
