"""Precision of a model's torso, the stack of blocks that carries the residual stream."""

import torch
from torch import nn


def torso_dtype(torso: nn.Module) -> torch.dtype:
    """The type of a torso's matrices, fp32 if it has none; norms beside them may be of another type."""
    matrices = (m.weight for m in torso.modules() if isinstance(m, nn.Linear | nn.Conv3d))
    return next((weight.dtype for weight in matrices), torch.float32)
