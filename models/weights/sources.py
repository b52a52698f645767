"""Where a module's tensors come from, one at a time: files, memory, or a seed.

A tensor is read straight onto its device, so neither a whole checkpoint nor a second copy of it ever lies in
host memory.
"""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from models.errors import WeightsError

Shapes = Mapping[str, tuple[int, ...]]


class TensorSource(Protocol):
    """A checkpoint.

    Attributes:
        origin: What errors call it.
    """

    @property
    def origin(self) -> str:
        """What errors call it."""
        ...

    def shapes(self) -> Shapes:
        """Names and shapes of all tensors."""
        ...

    def read(self, name: str, device: torch.device | str) -> Tensor:
        """One tensor on a device, in the checkpoint's type."""
        ...


class TensorsInMemory:
    """A state dict."""

    def __init__(self, state: Mapping[str, Tensor], origin: str) -> None:
        self.origin = origin
        self._state = state

    def shapes(self) -> Shapes:
        """Shapes by name."""
        return {name: tuple(tensor.shape) for name, tensor in self._state.items()}

    def read(self, name: str, device: torch.device | str) -> Tensor:
        """One tensor on a device, in its own type."""
        return self._state[name].to(device)


class TensorFiles:
    """One or several safetensors files, mapped into memory and read tensor by tensor; use as a context."""

    def __init__(self, *files: Path) -> None:
        """Names the files.

        Raises:
            WeightsError: One is missing.
        """
        self.origin = str(files[0]) if len(files) == 1 else str(files[0].parent)
        missing = [file for file in files if not file.is_file()]
        if missing:
            raise WeightsError(f"no weights file {missing[0]}")
        self._files = files
        self._open = ExitStack()
        self._handles: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> "TensorFiles":
        self._on("cpu")
        return self

    def __exit__(self, *_: object) -> None:
        self._handles.clear()
        self._open.close()

    def shapes(self) -> Shapes:
        """Shapes by name, from the headers."""
        handles = self._on("cpu")
        return {name: tuple(handle.get_slice(name).get_shape()) for name, handle in handles.items()}

    def read(self, name: str, device: torch.device | str) -> Tensor:
        """One tensor on a device, in its own type."""
        tensor: Tensor = self._on(str(device))[name].get_tensor(name)
        return tensor

    def _on(self, device: str) -> dict[str, Any]:
        """Tensor names to the open file that holds them."""
        if device not in self._handles:
            self._handles[device] = {}
            for file in self._files:
                try:
                    handle = self._open.enter_context(safe_open(file, framework="pt", device=device))
                except SafetensorError as error:
                    raise WeightsError(f"damaged weights file {file}: {error}") from error
                self._handles[device] |= dict.fromkeys(handle.keys(), handle)
        return self._handles[device]


def files_of(folder: Path, stem: str) -> tuple[Path, ...]:
    """The safetensors files of a hub part: `<stem>.safetensors`, or the shards its index names.

    Raises:
        WeightsError: Neither is there, or the index is damaged.
    """
    index = folder / f"{stem}.safetensors.index.json"
    if not index.is_file():
        return (folder / f"{stem}.safetensors",)
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError) as error:
        raise WeightsError(f"{index} is no index of shards: {error}") from error
    return tuple(folder / name for name in names)
