"""A module with other parts, as a value: what it was made from stays as it is."""

import copy
from typing import TypeVar

from torch import nn

M = TypeVar("M", bound=nn.Module)


def with_parts(module: M, **parts: nn.Module) -> M:
    """A module of the same kind with some parts exchanged; all others, and every parameter, are shared."""
    other = copy.copy(module)
    vars(other)["_modules"] = {**vars(module)["_modules"], **parts}
    return other
