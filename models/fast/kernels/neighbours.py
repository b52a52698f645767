"""Gathering voxels' neighbours; a row past the end stands for an absent one.

The formulas beside the kernels are those of `models.sparse.convolution`.
"""

from jaxtyping import Float, Int
from torch import Tensor

from models.fast.kernels.devices import runs_kernels
from models.sparse.convolution import columns, own_products


def gathered_columns(
    feats: Float[Tensor, "rows channels"], neighbours: Int[Tensor, "voxels taps"]
) -> Float[Tensor, "voxels taps*channels"]:
    """Features of the neighbours side by side, zeros where there is none."""
    if runs_kernels(feats):
        from models.fast.kernels.neighbours_triton import gather

        return gather(feats, neighbours)
    return columns(feats, neighbours)


def tap_sum(
    products: Float[Tensor, "rows products"],
    neighbours: Int[Tensor, "voxels taps"],
    bias: Float[Tensor, " channels"],
) -> Float[Tensor, "voxels channels"]:
    """Bias and the sum over taps k of neighbour k's own product k."""
    if runs_kernels(products):
        from models.fast.kernels.neighbours_triton import sum_taps

        return sum_taps(products, neighbours, bias)
    total = own_products(products, neighbours).float().sum(dim=1) + bias.float()
    return total.to(products.dtype)
