"""ISNet's fixture (golden.safetensors, keys.json): weights and inputs from a hash, recorded mattes."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.conformance.fixtures import Fixture
from models.conformance.report import Check, close, same_layout
from models.matte import Isnet, IsnetConfig

INPUT_SEED = 7


def matte_checks(fixture: Fixture) -> Iterator[Check]:
    """Names and shapes of the published checkpoint, then the mattes of two batches."""
    isnet = Isnet(IsnetConfig.published()).eval()
    if "keys.json" in fixture.files:
        expected = {name: tuple(entry[0]) for name, entry in fixture.json("keys.json")["tensors"].items()}
        yield same_layout("isnet", {name: tuple(t.shape) for name, t in isnet.state_dict().items()}, expected)
    fill(isnet)
    isnet.to(fixture.device)
    for key, matte in fixture.tensors("golden.safetensors").items():
        batch, _, height, width = matte.shape
        pixels = 0.5 * uniform(batch * 3 * height * width, INPUT_SEED).reshape(batch, 3, height, width)
        yield close(key.removesuffix(".out"), isnet(pixels.float().to(fixture.device)), matte)


def fill(module: nn.Module) -> None:
    """Gives every tensor of the state dict, in sorted order, values that depend on place and shape only."""
    state = module.state_dict()
    filled = {
        name: _values(name, state[name], index) if state[name].is_floating_point() else state[name] * 0
        for index, name in enumerate(sorted(state), start=1)
    }
    module.load_state_dict(filled)


def _values(name: str, like: Tensor, index: int) -> Tensor:
    u = uniform(like.numel(), index).reshape(like.shape)
    if name.endswith("running_var"):
        u = 1 + 0.5 * u.abs()
    elif like.ndim > 1:
        u = u * math.sqrt(6 / like[0].numel())
    elif name.endswith("weight"):
        u = 1 + 0.1 * u
    else:
        u = 0.05 * u
    return u.to(like.dtype)


def uniform(count: int, index: int) -> Float[Tensor, " count"]:
    """A hash of 0..count-1 and `index`, as float64 in [-1, 1)."""
    mask = np.uint64(2**32 - 1)
    z = (np.arange(count, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(index * 40503 + 12345)) & mask
    z = ((z ^ (z >> np.uint64(15))) * np.uint64(739982445)) & mask
    z = z ^ (z >> np.uint64(12))
    return torch.from_numpy(z.astype(np.float64) / 2**31 - 1)
