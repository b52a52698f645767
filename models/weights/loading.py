"""Strict loading: build on meta, compare names and shapes, assign, freeze.

Precision follows the published layout: linear and convolution weights inside the torso (the residual stream's
blocks) take the requested precision, all else (norms, gammas, first and last layers, time embedding, buffers)
is fp32.
"""

from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from models.errors import WeightsError
from models.weights.random_tensors import RandomTensors, random_weights_of, set_tensor
from models.weights.sources import TensorFiles, TensorsInMemory, TensorSource

TORSO = ("blocks", "input_blocks", "out_blocks", "middle_block", "upsample")
MAX_NAMED = 5

M = TypeVar("M", bound=nn.Module)
Scheme = Callable[[Tensor], nn.Module]  # a linear layer without bias, of a floating weight [out, in]


def load_module(
    build: Callable[[], M],
    file: Path,
    *,
    device: torch.device | str,
    dtype: torch.dtype = torch.float32,
    lowered: Callable[[nn.Module], Container[str]] | None = None,
) -> M:
    """Builds a module without memory and gives it a safetensors file's tensors, frozen and in eval mode.

    Args:
        build: Makes the module; called with meta as the default device.
        file: The weights, in any floating type.
        device: Where to.
        dtype: The torso's precision.
        lowered: Names the tensors that take `dtype`; by default those of the torso.

    Raises:
        WeightsError: No such file, or names or shapes differ from the module's.
    """
    if random := random_weights_of(file.parent):
        with torch.device("meta"):
            shapes = {name: tuple(tensor.shape) for name, tensor in build().state_dict().items()}
        source = RandomTensors(shapes, random)
        return assign_from(build, source, device=device, dtype=dtype, lowered=lowered)
    with TensorFiles(file) as files:
        return assign_from(build, files, device=device, dtype=dtype, lowered=lowered)


def read_tensors(file: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file, on the CPU.

    Raises:
        WeightsError: There is no such file, or it is damaged.
    """
    with TensorFiles(file) as source:
        return {name: source.read(name, "cpu") for name in source.shapes()}


def assign(
    build: Callable[[], M],
    state: Mapping[str, Tensor],
    *,
    origin: str,
    device: torch.device | str,
    dtype: torch.dtype = torch.float32,
) -> M:
    """Like `load_module`, from tensors in memory that `origin` names in errors."""
    return assign_from(build, TensorsInMemory(state, origin), device=device, dtype=dtype)


def assign_from(
    build: Callable[[], M],
    source: TensorSource,
    *,
    device: torch.device | str,
    dtype: torch.dtype = torch.float32,
    lowered: Callable[[nn.Module], Container[str]] | None = None,
) -> M:
    """Like `load_module`, from any source; each tensor goes straight to its device and precision."""
    with torch.device("meta"):
        module = build()
    shapes = source.shapes()
    check_names_and_shapes(module, shapes, source.origin)
    names = (lowered or torso_weights)(module)
    floating = {name: tensor.is_floating_point() for name, tensor in module.state_dict().items()}
    for name in shapes:
        tensor = source.read(name, device)
        _check_kind(name, tensor, floating[name], source.origin)
        if tensor.is_floating_point():
            tensor = tensor.to(dtype if name in names else torch.float32)
        set_tensor(module, name, tensor)
    _check_complete(module)
    return module.eval().requires_grad_(False)


def assign_quantized(
    build: Callable[[], M],
    source: TensorSource,
    *,
    device: torch.device | str,
    dtype: torch.dtype,
    scheme: Scheme | None,
    targets: Callable[[str], bool],
    shared: frozenset[str] = frozenset(),
) -> M:
    """A third party's module in one precision, its chosen linear layers quantised while they are read.

    At no time does more than one of their weights exist in full precision. Buffers that the module computes
    for itself keep their values.

    Args:
        build: Makes the module.
        source: Its tensors.
        device: Where to.
        dtype: Precision of all that is not quantised.
        scheme: Makes a quantised layer from a weight; None quantises nothing.
        targets: Whether the linear layer of this name is quantised.
        shared: Second names of tensors that the module ties together; a checkpoint need not repeat them.

    Raises:
        WeightsError: Names or shapes differ from the module's.
    """
    from accelerate import init_empty_weights  # slow to import, and few processes need it

    with init_empty_weights(include_buffers=False):
        module = build()
    shapes = source.shapes()
    check_names_and_shapes(module, shapes, source.origin, shared=shared)
    floating = {name: tensor.is_floating_point() for name, tensor in module.state_dict().items()}
    for name in shapes:
        tensor = source.read(name, device)
        _check_kind(name, tensor, floating[name], source.origin)
        if tensor.is_floating_point():
            tensor = tensor.to(dtype)
        owner, _, leaf = name.rpartition(".")
        layer = module.get_submodule(owner)
        if scheme is not None and leaf == "weight" and isinstance(layer, nn.Linear) and targets(owner):
            quantized = scheme(tensor)
            quantized.bias = layer.bias
            module.set_submodule(owner, quantized)
        else:
            set_tensor(module, name, tensor)
    _check_complete(module)
    return module.to(device).eval().requires_grad_(False)


def _check_kind(name: str, tensor: Tensor, floating: bool, origin: str) -> None:
    """Any floating type serves for another one, also for a counter, but integers do not serve for floats."""
    if floating and not tensor.is_floating_point():
        raise WeightsError(
            f"{origin} does not fit its architecture: {name} is {tensor.dtype}, not a floating type"
        )


def _check_complete(module: nn.Module) -> None:
    left = [name for name, t in (*module.named_parameters(), *module.named_buffers()) if t.is_meta]
    assert not left, f"tensors that no checkpoint fills: {left}"


def check_names_and_shapes(
    module: nn.Module,
    shapes: Mapping[str, tuple[int, ...]],
    origin: str,
    *,
    shared: frozenset[str] = frozenset(),
) -> None:
    """Compares a checkpoint's names and shapes with a module's; the `shared` names may be missing.

    Raises:
        WeightsError: They are not the same; the message names the first few differences.
    """
    wanted = {name: tuple(t.shape) for name, t in module.state_dict().items()}
    problems = [f"missing {name}" for name in wanted if name not in shapes and name not in shared]
    problems += [f"unexpected {name}" for name in shapes if name not in wanted]
    problems += [
        f"{name} is {shapes[name]}, not {shape}"
        for name, shape in wanted.items()
        if name in shapes and shapes[name] != shape
    ]
    if problems:
        more = f" and {len(problems) - MAX_NAMED} more" if len(problems) > MAX_NAMED else ""
        raise WeightsError(f"{origin} does not fit its architecture: {', '.join(problems[:MAX_NAMED])}{more}")


def torso_weights(module: nn.Module) -> set[str]:
    """Names of the tensors that the published layout stores in half precision."""
    return {
        f"{owner_name}.{name}"
        for owner_name, owner in module.named_modules()
        if owner_name.split(".")[0] in TORSO and not _is_norm(owner)
        for name, _ in owner.named_parameters(recurse=False)
    }


def every_tensor(module: nn.Module) -> set[str]:
    """Names of all tensors, for a third party's layout of a single precision."""
    return set(module.state_dict())


def _is_norm(module: nn.Module) -> bool:
    return isinstance(module, nn.LayerNorm | nn.GroupNorm) or hasattr(module, "gamma")
