"""Gathering voxels' neighbours, for sparse convolutions; a row past the end stands for an absent one."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.fast.kernels.devices import runs_kernels


def gathered_columns(
    feats: Float[Tensor, "rows channels"], neighbours: Int[Tensor, "voxels taps"]
) -> Float[Tensor, "voxels taps*channels"]:
    """Features of the neighbours side by side, zeros where there is none."""
    if runs_kernels(feats):
        from models.fast.kernels.neighbours_triton import gather

        return gather(feats, neighbours)
    padded = torch.cat([feats, feats.new_zeros(1, feats.shape[1])])
    return padded.index_select(0, neighbours.flatten()).view(len(neighbours), -1)


def tap_sum(
    products: Float[Tensor, "rows taps*channels"],
    neighbours: Int[Tensor, "voxels taps"],
    bias: Float[Tensor, " channels"],
) -> Float[Tensor, "voxels channels"]:
    """Bias and the sum over taps k of neighbour k's own product k."""
    if runs_kernels(products):
        from models.fast.kernels.neighbours_triton import sum_taps

        return sum_taps(products, neighbours, bias)
    taps = neighbours.shape[1]
    padded = torch.cat([products, products.new_zeros(1, products.shape[1])]).view(-1, len(bias))
    rows = neighbours * taps + torch.arange(taps, device=neighbours.device)
    chosen = padded.index_select(0, rows.flatten()).view(len(neighbours), taps, -1)
    return (chosen.float().sum(dim=1) + bias.float()).to(products.dtype)
