"""Submanifold convolution (Graham et al. 2018): outputs at the input's voxels, absent neighbours zero.

    y[p] = b + sum over taps k of W[:, k] x[p + k - 1],   k in {0, 1, 2}^3

On a GPU: one gather of all 27 neighbours, zeros included, and one matrix product. On a CPU, where moving the
two thirds that are absent would cost as much as the others: products of every voxel with several taps at
once, of which each voxel sums those of the neighbours that there are.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from models.linear import linear
from models.sparse.grid import VoxelGrid
from models.sparse.tensor import SparseTensor

PRODUCT_BYTES = 2**25  # glibc hands larger blocks back to the system, which then clears every page again


class SubmanifoldConvolution(nn.Module):
    """Weights have the published order [out, kx, ky, kz, in]; tap (1, 1, 1) reads the voxel itself."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3) -> None:
        super().__init__()
        if kernel_size not in (1, 3):
            raise ValueError(f"kernel_size {kernel_size}: only 1 and 3 are supported")
        self.conv = _ConvolutionWeights(in_channels, out_channels, kernel_size)

    def forward(self, x: SparseTensor) -> SparseTensor:
        weight, bias = self.conv.weight, self.conv.bias
        if weight.shape[1] == 1:
            return x.replace(F.linear(x.feats, pointwise_matrix(weight), bias))
        if x.feats.device.type == "cpu":
            return x.replace(bagged_convolution(x.feats, x.grid, weight, bias))
        return x.replace(gathered_convolution(x.feats, x.grid.neighbours, weight, bias))


class _ConvolutionWeights(nn.Module):
    """Holds the tensors under the published name `conv.*`."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(
            torch.empty(out_channels, kernel_size, kernel_size, kernel_size, in_channels)
        )
        self.bias = nn.Parameter(torch.empty(out_channels))
        bound = (in_channels * kernel_size**3) ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)


def pointwise_matrix(weight: Float[Tensor, "out 1 1 1 in"]) -> Float[Tensor, "out in"]:
    """The matrix a stored 1x1 weight stands for.

    The published weights were trained with a library that reads the stored [out, in] memory as [in, out]
    (spconv issue 450): not a transposition, a reinterpretation.
    """
    out_channels, in_channels = weight.shape[0], weight.shape[-1]
    return weight.reshape(in_channels, out_channels).T


def gathered_convolution(
    feats: Float[Tensor, "voxels in"],
    neighbours: Int[Tensor, "voxels 27"],
    weight: Float[Tensor, "out 3 3 3 in"],
    bias: Float[Tensor, " out"],
) -> Float[Tensor, "voxels out"]:
    """3x3x3 submanifold convolution over a neighbour table whose absent entries name the row past the end."""
    dtype = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else weight.dtype
    product: Tensor = _Gathered.apply(feats.to(dtype), neighbours, weight.flatten(1, 3).to(dtype))
    return product + bias.to(dtype)


class _Gathered(torch.autograd.Function):
    """Sum over the 27 taps of a neighbour's features times the tap's matrix [out, 27, in].

    Gathering moves most of the bytes, so the narrower side is gathered: the input before the product, or the
    27 products before their sum. Voxel j is neighbour k of i exactly when i is neighbour 26 - k of j, so the
    gradients are gathered products as well: no atomic additions.
    """

    @staticmethod
    def forward(ctx: Any, feats: Tensor, neighbours: Tensor, taps: Tensor) -> Tensor:
        ctx.save_for_backward(feats, neighbours, taps)
        return gathered_product(feats, neighbours, taps)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, Tensor]:
        feats, neighbours, taps = ctx.saved_tensors
        mirrored = taps.flip(1)
        if taps.shape[2] <= taps.shape[0]:
            grad_taps = (grad.T @ columns(feats, neighbours)).view_as(taps)
            return _summed(grad @ mirrored.flatten(1), neighbours), None, grad_taps
        near = columns(grad, neighbours)  # [voxels, 27 * out]
        grad_taps = (near.T @ feats).unflatten(0, (27, -1)).flip(0).permute(1, 0, 2)
        return near @ mirrored.permute(1, 0, 2).flatten(0, 1), None, grad_taps


def gathered_product(
    feats: Float[Tensor, "rows in"], neighbours: Int[Tensor, "voxels 27"], taps: Float[Tensor, "out 27 in"]
) -> Float[Tensor, "voxels out"]:
    """The convolution without its bias; the narrower side is gathered."""
    if taps.shape[2] <= taps.shape[0]:
        return columns(feats, neighbours) @ taps.flatten(1).T
    return _summed(feats @ taps.permute(2, 1, 0).flatten(1), neighbours)


def columns(
    feats: Float[Tensor, "rows channels"], neighbours: Int[Tensor, "voxels taps"]
) -> Float[Tensor, "voxels taps*channels"]:
    """Features of the given neighbours side by side, zeros where there is none."""
    padded = torch.cat([feats, feats.new_zeros(1, feats.shape[1])])
    return padded.index_select(0, neighbours.flatten()).view(len(neighbours), -1)


def own_products(
    products: Float[Tensor, "rows taps_channels"], neighbours: Int[Tensor, "voxels taps"]
) -> Float[Tensor, "voxels taps channels"]:
    """Neighbour k's own product k for every tap k, zeros where there is none; voxels may share a row."""
    taps = neighbours.shape[1]
    padded = torch.cat([products, products.new_zeros(1, products.shape[1])])
    rows = neighbours * taps + torch.arange(taps, device=neighbours.device)
    by_tap = padded.view(-1, products.shape[1] // taps)
    return by_tap.index_select(0, rows.flatten()).view(len(neighbours), taps, -1)


def _summed(products: Tensor, neighbours: Tensor) -> Tensor:
    """Sum of the neighbours' own products, from [voxels, 27 * channels] to [voxels, channels]."""
    return own_products(products, neighbours).sum(dim=1).to(products.dtype)  # autocast sums in single


def bagged_convolution(
    feats: Float[Tensor, "voxels in"],
    grid: VoxelGrid,
    weight: Float[Tensor, "out 3 3 3 in"],
    bias: Float[Tensor, " out"],
) -> Float[Tensor, "voxels out"]:
    """The same from products of every voxel with 9, 3 or 1 taps at once, as many as `PRODUCT_BYTES` hold."""
    width = len(weight)
    matrices = weight.flatten(1, 3).transpose(0, 1).contiguous()  # [27, out, in]
    tap_bytes = len(grid) * width * feats.element_size()
    num_taps = next((count for count in (9, 3) if count * tap_bytes <= PRODUCT_BYTES), 1)
    out = bias.to(feats.dtype).repeat(len(grid), 1)
    for bags, group in zip(grid.bags(num_taps), matrices.split(num_taps), strict=True):
        products = linear(feats, group.flatten(0, 1), None).view(-1, width)
        total = F.embedding_bag(bags.rows, products, bags.offsets, mode="sum", include_last_offset=True)
        out += total.to(out.dtype)  # autocast may have lowered them
    return out
