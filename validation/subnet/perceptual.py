"""Perceptual distance of pictures (LPIPS, Zhang et al. 2018, version 0.1) on AlexNet's first five layers.

    pixels ─> standardised ─> five convolutions ─> unit vectors ─> squared differences, weighted, added up

The network's tensors are torchvision's published ones, the weights those of the LPIPS package; both are small
enough to be written out, and torchmetrics would fetch the first from the network when it is made.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, relu

from models.errors import WeightsError
from models.weights.guard import weights_in
from validation.subnet.files import ALEXNET, LINEAR

CONVOLUTIONS = ("features.0", "features.3", "features.6", "features.8", "features.10")
STRIDES, PADDINGS = (4, 1, 1, 1, 1), (2, 2, 1, 1, 1)
POOLED_BEFORE = (False, True, True, False, False)
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of values of -1 to 1
EPS = 1e-8


class PerceptualDistance:
    """The network and its weights; make one with `load`."""

    def __init__(
        self, alexnet: Mapping[str, Tensor], linear: Mapping[str, Tensor], *, device: torch.device
    ) -> None:
        """Takes tensors by their published names.

        Raises:
            WeightsError: One is missing, or they do not fit together.
        """
        self._layers = [
            (_named(alexnet, f"{name}.weight"), _named(alexnet, f"{name}.bias")) for name in CONVOLUTIONS
        ]
        self._weights = [_named(linear, f"lin{i}.model.1.weight") for i in range(len(CONVOLUTIONS))]
        for (kernel, _), weights in zip(self._layers, self._weights, strict=True):
            if tuple(weights.shape) != (1, kernel.shape[0], 1, 1):
                raise WeightsError(f"LPIPS weights {tuple(weights.shape)} for {kernel.shape[0]} channels")
        self._layers = [(kernel.to(device).float(), bias.to(device).float()) for kernel, bias in self._layers]
        self._weights = [weights.to(device).float() for weights in self._weights]
        self._shift, self._scale = (torch.tensor(v, device=device)[:, None, None] for v in (SHIFT, SCALE))

    @classmethod
    def load(cls, folder: Path, *, device: torch.device | str) -> "PerceptualDistance":
        """Reads both published files (tensors only, no code is run).

        Raises:
            WeightsError: One is missing, damaged, or holds something else.
        """
        state = [_read(folder / name) for name in (ALEXNET, LINEAR)]
        return cls(*state, device=torch.device(device))

    def features(self, pictures: Float[Tensor, "pictures 3 height width"]) -> list[Tensor]:
        """Unit vectors of every layer, of pictures with values of 0 to 1."""
        x = (2.0 * pictures - 1.0 - self._shift) / self._scale
        found = []
        for (kernel, bias), stride, padding, pooled in zip(
            self._layers, STRIDES, PADDINGS, POOLED_BEFORE, strict=True
        ):
            x = max_pool2d(x, 3, 2) if pooled else x
            x = relu(conv2d(x, kernel, bias, stride, padding))
            found.append(x / (x.square().sum(dim=1, keepdim=True) + EPS).sqrt())
        return found

    def between(self, first: Sequence[Tensor], second: Sequence[Tensor]) -> Float[Tensor, " pairs"]:
        """Distances of pictures whose `features` are given."""
        layers = zip(first, second, self._weights, strict=True)
        parts = [((a - b).square() * weights).sum(dim=1).mean(dim=(1, 2)) for a, b, weights in layers]
        return torch.stack(parts).sum(dim=0)


def _named(state: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in state:
        raise WeightsError(f"a perceptual network without {name}")
    return state[name]


def _read(file: Path) -> dict[str, Tensor]:
    if not file.is_file():
        raise WeightsError(f"no {file.name} in {file.parent}")
    with weights_in(file):
        state: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
        return state
