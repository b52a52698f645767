"""Background removal networks, one file each.

To add one, write `models/matte/networks/<name>.py` with a function `load(folder, *, device, dtype)` that
returns a `MatteNetwork`, and name it in the configuration (`matting.network`). Nothing else knows them.
"""

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

import torch
from jaxtyping import Float
from torch import Tensor

from models.errors import WeightsError

DEFAULT_NETWORK = "isnet"


class MatteNetwork(Protocol):
    """Finds the object in square images.

    Attributes:
        input_size: Side in pixels that images are resized to.
        device: Where it runs.
    """

    @property
    def input_size(self) -> int: ...

    @property
    def device(self) -> torch.device: ...

    def __call__(
        self, pixels: Float[Tensor, "batch 3 size size"]
    ) -> Float[Tensor, "batch 1 matte_size matte_size"]:
        """fp32 mattes in 0..1 of fp32 RGB in 0..1; normalisation and precision are the network's affair."""
        ...


def load_network(
    name: str, folder: Path, *, device: torch.device | str, dtype: torch.dtype = torch.float32
) -> MatteNetwork:
    """The network of a name, with the weights in `folder`.

    Raises:
        WeightsError: There is no such network, or its weights are missing or do not fit.
    """
    module = f"{__name__}.{name}"
    if not re.fullmatch(r"[a-z]\w*", name) or find_spec(module) is None:
        known = sorted(file.stem for file in Path(__file__).parent.glob("[a-z]*.py"))
        raise WeightsError(f"no background removal network {name!r}; there are: {', '.join(known)}")
    return cast(MatteNetwork, import_module(module).load(folder, device=device, dtype=dtype))
