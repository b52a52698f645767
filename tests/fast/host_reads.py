"""Counts the moments at which a host would wait for its GPU, on any device."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from command_line.places import ROOT

# Operators whose result's shape, or whose result itself, the host must read.
READING = {
    "aten::_local_scalar_dense",
    "aten::_unique2",
    "aten::bincount",
    "aten::equal",
    "aten::is_nonzero",
    "aten::masked_select",
    "aten::nonzero",
    "aten::repeat_interleave",
    "aten::unique_consecutive",
    "aten::unique_dim",
}


class HostReads(TorchDispatchMode):
    """While active, `places` collects the project's lines that read a tensor's values.

    So does a mask as an index, because the number of rows follows from it.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.places: list[str] = []

    def note(self) -> None:
        """Adds the innermost line of the project."""
        own = [frame for frame in traceback.extract_stack() if _is_own(frame.filename)]
        self.places.append(f"{Path(own[-1].filename).name}:{own[-1].lineno} {own[-1].line}")

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        indices = args[1] if func.name() in ("aten::index.Tensor", "aten::index_put_") else ()
        masked = any(index is not None and index.dtype == torch.bool for index in indices)
        if masked or func.name().split(".")[0] in READING:
            self.note()
        return func(*args, **(kwargs or {}))


@contextmanager
def host_reads() -> Iterator[HostReads]:
    """Collects reads inside the block; `tolist` looks at memory without an operator."""
    plain = Tensor.tolist
    with HostReads() as reads:

        def tolist(x: Tensor) -> Any:
            reads.note()
            return plain(x)

        with mock.patch.object(Tensor, "tolist", tolist):
            yield reads


def _is_own(filename: str) -> bool:
    path = Path(filename)
    if path == Path(__file__) or not path.is_relative_to(ROOT):
        return False
    return path.relative_to(ROOT).parts[0] in ("models", "export")
