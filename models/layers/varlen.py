"""torch's attention over groups of different lengths, for cards.

Its module imports the compiler, a second or two of every process; no CPU runs it.
"""

from collections.abc import Callable
from typing import Any

import torch


def _kernel() -> Callable[..., Any]:
    if not torch.cuda.is_available():
        return _no_card
    from torch.nn.attention.varlen import varlen_attn

    return varlen_attn


def _no_card(*_: object) -> Any:
    raise RuntimeError("variable-length attention runs on a CUDA device only")


varlen_attn = _kernel()
