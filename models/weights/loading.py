"""Strict loading: build on meta, compare names and shapes, assign, freeze.

Precision follows the published layout: linear and convolution weights inside the torso (the residual stream's
blocks) take the requested precision, all else (norms, gammas, first and last layers, time embedding, buffers)
is fp32.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from models.errors import WeightsError

TORSO = ("blocks", "input_blocks", "out_blocks", "middle_block", "upsample")
MAX_NAMED = 5

M = TypeVar("M", bound=nn.Module)


def load_module(
    build: Callable[[], M], file: Path, *, device: torch.device | str, dtype: torch.dtype = torch.float32
) -> M:
    """Builds a module without memory and gives it a safetensors file's tensors, frozen and in eval mode.

    Args:
        build: Makes the module; called with meta as the default device.
        file: The weights, in any floating type.
        device: Where to.
        dtype: The torso's precision.

    Raises:
        WeightsError: No such file, or names or shapes differ from the module's.
    """
    return assign(build, read_tensors(file), origin=str(file), device=device, dtype=dtype)


def read_tensors(file: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file, on the CPU.

    Raises:
        WeightsError: There is no such file, or it is damaged.
    """
    if not file.is_file():
        raise WeightsError(f"no weights file {file}")
    try:
        return load_file(file)
    except SafetensorError as error:
        raise WeightsError(f"damaged weights file {file}: {error}") from error


def assign(
    build: Callable[[], M],
    state: Mapping[str, Tensor],
    *,
    origin: str,
    device: torch.device | str,
    dtype: torch.dtype = torch.float32,
) -> M:
    """Like `load_module`, from tensors in memory that `origin` names in errors."""
    with torch.device("meta"):
        module = build()
    check_names_and_shapes(module, {name: tuple(t.shape) for name, t in state.items()}, origin)
    torso = torso_weights(module)
    converted = {
        name: tensor.to(
            device, (dtype if name in torso else torch.float32) if tensor.is_floating_point() else None
        )
        for name, tensor in state.items()
    }
    module.load_state_dict(converted, strict=True, assign=True)
    left = [name for name, t in (*module.named_parameters(), *module.named_buffers()) if t.is_meta]
    assert not left, f"tensors that no checkpoint fills: {left}"
    return module.eval().requires_grad_(False)


def check_names_and_shapes(module: nn.Module, shapes: Mapping[str, tuple[int, ...]], origin: str) -> None:
    """Compares a checkpoint's names and shapes with a module's.

    Raises:
        WeightsError: They are not the same; the message names the first few differences.
    """
    wanted = {name: tuple(t.shape) for name, t in module.state_dict().items()}
    problems = [f"missing {name}" for name in wanted if name not in shapes]
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


def _is_norm(module: nn.Module) -> bool:
    return isinstance(module, nn.LayerNorm | nn.GroupNorm) or hasattr(module, "gamma")
