"""How good a view looks to the validator: a linear head on DINOv2-small's class token.

The head's file may hold a whole finetuned backbone as well (`backbone.`); its tensors then take the place of
the published ones, and names that the network does not have are ignored, as the validator ignores them.
"""

from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate, linear

from models.conditioning.dinov2 import Dinov2, Dinov2Config
from models.conditioning.encoder import PIXEL_MEAN, PIXEL_STD
from models.errors import WeightsError
from models.weights.loading import assign, read_tensors

PREFIX = "backbone."


class QualityHead:
    """The backbone and the head; make one with `load`."""

    def __init__(self, backbone: Dinov2, weight: Float[Tensor, "1 width"], bias: Float[Tensor, "1"]) -> None:
        """Takes a backbone whose last norm is applied, and the head's tensors."""
        self._backbone = backbone
        self._weight, self._bias = weight, bias
        self._mean, self._std = (
            torch.tensor(v, device=weight.device)[:, None, None] for v in (PIXEL_MEAN, PIXEL_STD)
        )

    @classmethod
    def load(cls, backbone: Path, head: Path, *, device: torch.device | str) -> "QualityHead":
        """Loads a transformers folder (config.json, model.safetensors) and the head's file, in fp32.

        Raises:
            WeightsError: Something is missing, damaged, or does not fit together.
        """
        if not (backbone / "config.json").is_file():
            raise WeightsError(f"no config.json in {backbone}")
        config = Dinov2Config.read(backbone / "config.json")
        published, own = read_tensors(backbone / "model.safetensors"), read_tensors(head)
        for name in ("score_head.weight", "score_head.bias"):
            if name not in own:
                raise WeightsError(f"{head} lacks {name}")
        weight, bias = own["score_head.weight"], own["score_head.bias"]
        if tuple(weight.shape) != (1, config.hidden_size) or tuple(bias.shape) != (1,):
            raise WeightsError(
                f"{head}: a head of shape {tuple(weight.shape)} for {config.hidden_size} numbers"
            )
        state = {name: own.get(PREFIX + name, tensor) for name, tensor in published.items()}
        network = assign(partial(Dinov2, config), state, origin=str(head), device=device)
        return cls(network, weight.to(device).float(), bias.to(device).float())

    @torch.inference_mode()
    def rate(self, views: Float[Tensor, "views 3 height width"]) -> Float[Tensor, " views"]:
        """Each view's probability to be a good one (pixels of 0 to 1); one by one, which saves memory."""
        size = self._backbone.config.image_size
        rated = []
        for view in views.split(1):
            resized = interpolate(view, size=(size, size), mode="bilinear", align_corners=False)
            tokens = self._backbone((resized - self._mean) / self._std)
            rated.append(linear(self._backbone.layernorm(tokens[:, 0]), self._weight, self._bias)[:, 0])
        return torch.cat(rated).sigmoid()
