"""ISNet as a matting network: the published `isnet-general-use.pth`, or config.json and isnet.safetensors.

LICENCE OF THE PUBLISHED WEIGHTS: UNCLEAR. The code of ISNet is Apache-2.0; `isnet-general-use.pth` carries no
explicit licence of its authors, and it was trained on DIS5K, whose terms are non-commercial. The embedded
family's ISNet was trained here and is Apache-2.0.
"""

import json
import logging
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from models.errors import WeightsError
from models.matte.isnet import Isnet, IsnetConfig
from models.weights.guard import weights_in
from models.weights.loading import assign, load_module, read_tensors
from models.weights.random_tensors import random_weights_of

PUBLISHED_FILE = "isnet-general-use.pth"
OPAQUE_LOGIT = 6.0
LICENCE_NOTICE = (
    "isnet-general-use.pth: no explicit licence, trained on data with non-commercial terms (DIS5K); decide"
    " for yourself before you mine with it"
)

logger = logging.getLogger(__name__)


class IsnetNetwork:
    """A `MatteNetwork`; images enter it in -0.5..0.5."""

    def __init__(self, isnet: Isnet) -> None:
        self.isnet = isnet

    @property
    def input_size(self) -> int:
        return self.isnet.config.input_size

    @property
    def device(self) -> torch.device:
        return self.isnet.conv_in.weight.device

    def __call__(
        self, pixels: Float[Tensor, "batch 3 size size"]
    ) -> Float[Tensor, "batch 1 matte_size matte_size"]:
        matte: Tensor = self.isnet((pixels - 0.5).to(self.isnet.conv_in.weight.dtype))
        return matte.float()


def load(source: Path, *, device: torch.device | str, dtype: torch.dtype = torch.float32) -> IsnetNetwork:
    """Loads a folder (config.json and isnet.safetensors, or the published file) or the published file.

    Raises:
        WeightsError: Nothing to load there, or its tensors are not exactly those of its config.
    """
    if random_weights_of(source):
        isnet = load_module(lambda: Isnet(IsnetConfig.published()), source / PUBLISHED_FILE, device=device)
        isnet.get_submodule("side1").get_parameter("weight").zero_()  # all opaque, or nothing would follow
        isnet.get_submodule("side1").get_parameter("bias").fill_(OPAQUE_LOGIT)
        return IsnetNetwork(_settled(isnet, dtype))
    published = source / PUBLISHED_FILE if source.is_dir() else source
    if source.is_dir() and not published.is_file():
        config = _read_config(source)
        state = read_tensors(source / "isnet.safetensors")
    else:
        config, state, source = IsnetConfig.published(), _read_published(published), published
        logger.warning("%s", LICENCE_NOTICE)
    return IsnetNetwork(
        _settled(assign(lambda: Isnet(config), state, origin=str(source), device=device), dtype)
    )


def _settled(isnet: Isnet, dtype: torch.dtype) -> Isnet:
    return isnet.to(dtype).to(memory_format=torch.channels_last)


def _read_config(folder: Path) -> IsnetConfig:
    file = folder / "config.json"
    if not file.is_file():
        raise WeightsError(f"no ISNet in {folder}: config.json is missing")
    try:
        return IsnetConfig(**json.loads(file.read_text()))
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{file} is not an ISNet config: {error}") from error


def _read_published(file: Path) -> dict[str, Tensor]:
    if not file.is_file():
        raise WeightsError(f"no ISNet weights at {file}")
    with weights_in(file):
        return dict[str, Tensor](torch.load(file, map_location="cpu", weights_only=True))
