"""Random weights of the published shapes, for benchmarks: nothing is read, everything is drawn on the device.

A folder with the file `RANDOM.json` (see `models.weights.random_layout`) holds configs but no tensors;
whoever loads from it draws them. Matrices are normal with a deviation of 1 / sqrt(inputs), which keeps
activations of any depth finite; norms are the identity, biases are zero. T5 does not scale its attention's
scores, its queries are drawn that much smaller instead, as T5 itself starts.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from models.weights.sources import Shapes

MARKER = "RANDOM.json"
STATISTICS = {"running_mean": 0.0, "running_var": 1.0, "num_batches_tracked": 0.0}
GAINS = ("gamma", "lambda1", "logit_scale")

T5_QUERIES, T5_HEAD_CHANNELS = "SelfAttention.q.weight", 64

M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomWeights:
    """What stands in for a download.

    Attributes:
        seed: Of every tensor.
        shell_voxels: Voxels of the shell that takes the place of each drawn structure.
    """

    seed: int
    shell_voxels: int


def mark_random(folder: Path, weights: RandomWeights) -> None:
    """Makes a folder's tensors random."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text(json.dumps(asdict(weights)), encoding="utf-8")


def random_weights_of(folder: Path) -> RandomWeights | None:
    """What a folder's tensors are drawn from; None for a folder of real weights."""
    marker = folder / MARKER
    if not marker.is_file():
        return None
    return RandomWeights(**json.loads(marker.read_text(encoding="utf-8")))


class RandomTensors:
    """A `TensorSource` with exactly the tensors of a module."""

    def __init__(self, shapes: Shapes, weights: RandomWeights, *, dtype: torch.dtype = torch.float32) -> None:
        self.origin = f"random weights, seed {weights.seed}"
        self._shapes = shapes
        self._seed = weights.seed
        self._dtype = dtype
        self._generators: dict[str, torch.Generator] = {}

    def shapes(self) -> Shapes:
        """Shapes by name."""
        return self._shapes

    def read(self, name: str, device: torch.device | str) -> Tensor:
        """One tensor, drawn from the next numbers of the seed."""
        key = str(device)
        if key not in self._generators:
            self._generators[key] = torch.Generator(device).manual_seed(self._seed)
        tensor = torch.empty(self._shapes[name], device=device, dtype=self._dtype)
        return draw(name, tensor, self._generators[key])


@torch.no_grad()
def draw(name: str, tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Fills a tensor as its name suggests."""
    leaf = name.rpartition(".")[2]
    if leaf in STATISTICS:
        return tensor.fill_(STATISTICS[leaf])
    if leaf in GAINS or (tensor.dim() < 2 and "bias" not in leaf):
        return tensor.fill_(1.0)
    if tensor.dim() < 2:
        return tensor.zero_()
    inputs = tensor.shape[1] if tensor.dim() == 2 else prod(tensor.shape[1:])
    if name.endswith(T5_QUERIES):
        inputs *= T5_HEAD_CHANNELS
    return tensor.normal_(0.0, inputs**-0.5, generator=generator)


def random_module(
    build: Callable[[], M], weights: RandomWeights, *, device: torch.device | str, dtype: torch.dtype
) -> M:
    """A third party's module, all of one precision, drawn on its device and frozen.

    Buffers that the module computes for itself keep their values.
    """
    from accelerate import init_empty_weights

    with init_empty_weights(include_buffers=False):
        module = build()
    source = RandomTensors(
        {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}, weights, dtype=dtype
    )
    for name in source.shapes():
        set_tensor(module, name, source.read(name, device))
    return module.to(device).eval().requires_grad_(False)


def set_tensor(module: nn.Module, name: str, tensor: Tensor) -> None:
    """Replaces a parameter or buffer by its full name, whatever was there before."""
    owner_name, _, leaf = name.rpartition(".")
    owner = module.get_submodule(owner_name)
    if leaf in owner._buffers:
        owner._buffers[leaf] = tensor
    else:
        owner._parameters[leaf] = nn.Parameter(tensor, requires_grad=False)
