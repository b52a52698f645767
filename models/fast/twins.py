"""Modules of other libraries, changed without touching them.

A twin has modules of its own and the same parameters: what is put in the place of one of its parts is not in
the original. A stand-in takes the place of a module and computes what it gives another way.
"""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)


def twin(module: M) -> M:
    """The same tree of modules again, around the same parameters and buffers."""
    return _twin(module, {})


def _twin(module: M, made: dict[nn.Module, Any]) -> M:
    if module not in made:
        again = copy.copy(module)
        again._parameters, again._buffers = dict(module._parameters), dict(module._buffers)
        made[module] = again
        again._modules = {
            name: None if part is None else _twin(part, made) for name, part in module._modules.items()
        }
    known: M = made[module]
    return known


def replace_parts(module: nn.Module, substitute: Callable[[nn.Module], nn.Module]) -> None:
    """Puts what `substitute` gives in the place of every part of a twin; it gives back what is to stay."""
    for name, part in list(module.named_modules()):
        other = substitute(part)
        if other is not part:
            module.set_submodule(name, other)


def lay_channels_last(module: nn.Module) -> None:
    """Gives a twin copies of its 4-dimensional parameters that lie channels last."""
    for part in module.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None and parameter.dim() == 4:
                laid = parameter.detach().contiguous(memory_format=torch.channels_last)
                part._parameters[name] = nn.Parameter(laid, requires_grad=False)


class StandIn(nn.Module):
    """Has another `forward` than the module whose place it takes, which answers whatever else is asked."""

    def __init__(self, module: nn.Module, forward: Callable[..., Any]) -> None:
        super().__init__()
        self.module = module
        vars(self)["compute"] = forward

    def forward(self, *arguments: Any, **options: Any) -> Any:
        """What `forward` gives."""
        return self.compute(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        """The module's attributes: its configuration, its dtype, its methods."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("module"), name)
