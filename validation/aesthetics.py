"""A linear rating (about 1 to 10) of pictures on their unit-norm CLIP embedding, as LAION's heads are."""

from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor

from models.errors import WeightsError
from models.weights.guard import weights_in

SUFFIXES = (".safetensors", ".pth")


class AestheticsHead:
    """rating = weight . embedding + bias."""

    def __init__(self, weight: Float[Tensor, "1 embed"], bias: Float[Tensor, "1"]) -> None:
        if weight.dim() != 2 or weight.shape[0] != 1 or bias.shape != (1,):
            raise ValueError(f"an aesthetics head of shapes {tuple(weight.shape)} and {tuple(bias.shape)}")
        self._weight = weight
        self._bias = bias

    @classmethod
    def load(cls, file: Path, *, device: torch.device | str) -> "AestheticsHead":
        """Reads `weight` and `bias` from a .safetensors file or a published .pth (tensors only, no code is
        run).

        Raises:
            WeightsError: The file is missing, damaged, or holds something else.
        """
        if not file.is_file():
            raise WeightsError(f"no aesthetics head {file}")
        with weights_in(file):
            if file.suffix == ".safetensors":
                state = load_file(file)
            else:
                state = torch.load(file, map_location="cpu", weights_only=True)
            weight, bias = state["weight"], state["bias"]
            return cls(weight.to(device, torch.float32), bias.to(device, torch.float32))

    @property
    def embedding_size(self) -> int:
        """Length of the embeddings it rates."""
        return self._weight.shape[1]

    def rate(self, embeddings: Float[Tensor, "pictures embed"]) -> Float[Tensor, "pictures"]:
        """Ratings of unit-norm embeddings."""
        return (embeddings.float() @ self._weight.T + self._bias).squeeze(1)


def find_head(folder: Path) -> Path:
    """The one aesthetics head in a folder.

    Raises:
        WeightsError: There is none, or more than one.
    """
    heads = sorted(path for path in folder.glob("*") if path.suffix in SUFFIXES)
    if len(heads) != 1:
        raise WeightsError(f"{folder} holds {len(heads)} aesthetics heads ({' or '.join(SUFFIXES)}), not one")
    return heads[0]
