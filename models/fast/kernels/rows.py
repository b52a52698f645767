"""Sum, layer norm, scale and shift, SiLU: whatever happens to a row between two products, in one pass.

    total = x + gate * y                 rows past those of y: x + constant
    normed = LN(total) * factor + shift  then SiLU if asked for

Everything is computed in fp32 and stored in the precision of `x`.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from models.fast.kernels.devices import runs_kernels
from models.fast.kernels.parameters import Norm, Vector


def normed(x: Float[Tensor, "*rows channels"], norm: Norm) -> Float[Tensor, "*rows channels"]:
    """The normalised rows alone."""
    if runs_kernels(x):
        from models.fast.kernels.rows_triton import launch

        return launch(x, None, None, None, norm)[1]
    return _normed(x, norm)


def normed_sum(
    x: Float[Tensor, "groups length channels"],
    y: Float[Tensor, "some_groups length channels"],
    norm: Norm | None,
    *,
    gate: Vector | None = None,
    constant: Float[Tensor, "1 channels"] | None = None,
) -> tuple[Float[Tensor, "groups length channels"], Float[Tensor, "groups length channels"]]:
    """The sum, and its normalised rows (the sum again without a norm).

    Args:
        x: What is added to.
        y: Added to the first groups.
        norm: How the sum is normalised.
        gate: Factor of y.
        constant: Added to the groups that y lacks.

    Raises:
        ValueError: y has fewer groups than x and there is no constant.
    """
    if len(y) != len(x) and constant is None:
        raise ValueError(f"{len(x)} groups, {len(y)} of them with something to add, and no constant")
    if runs_kernels(x):
        from models.fast.kernels.rows_triton import launch

        return launch(x, y, gate, constant, norm)
    added = y.float() if gate is None else y.float() * _spread(gate, y)
    if constant is not None and len(y) != len(x):
        added = torch.cat([added, constant.float().expand(len(x) - len(y), *x.shape[1:])])
    total = (x.float() + added).to(x.dtype)
    return total, total if norm is None else _normed(total, norm)


def _normed(x: Tensor, norm: Norm) -> Tensor:
    out = torch.nn.functional.layer_norm(x.float(), x.shape[-1:], eps=norm.eps)
    if norm.scale is not None and norm.shift is not None:
        scale = _spread(norm.scale, x)
        out = out * (1 + scale if norm.plus_one else scale) + _spread(norm.shift, x)
    return (torch.nn.functional.silu(out) if norm.silu else out).to(x.dtype)


def _spread(vectors: Tensor, x: Tensor) -> Tensor:
    """Vectors of groups, so that they go with x of [groups, length, channels] or [rows, channels]."""
    return vectors.float()[:, None] if x.dim() == 3 else vectors.float()
