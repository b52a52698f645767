"""Sparse tensors against dense arrays and loops."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.sparse import (
    SparseTensor,
    SubmanifoldConvolution,
    VoxelGrid,
    convolution,
    downsample,
    subdivide,
    upsample,
)
from models.sparse.convolution import bagged_convolution, gathered_convolution
from tests.models.small_models import random_voxels


def densified(x: SparseTensor, side: int = 20) -> Tensor:
    dense = torch.zeros(x.grid.batch_size, side, side, side, x.feats.shape[1])
    b, i, j, k = x.coords.long().unbind(1)
    dense[b, i, j, k] = x.feats
    return dense.permute(0, 4, 1, 2, 3)


@pytest.mark.parametrize("method", ["9 taps", "3 taps", "1 tap", "gathered"])
def test_submanifold_convolution_is_a_dense_convolution_at_the_occupied_voxels(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    x = SparseTensor.of(random_voxels(300, 1, 120), torch.randn(421, 5))
    weight, bias = torch.randn(7, 3, 3, 3, 5), torch.randn(7)
    if method != "gathered":
        monkeypatch.setattr(convolution, "PRODUCT_BYTES", int(method[0]) * 421 * 7 * 4)
        actual = bagged_convolution(x.feats, x.grid, weight, bias)
    else:
        actual = gathered_convolution(x.feats, x.grid.neighbours, weight, bias)
    dense = F.conv3d(densified(x), weight.permute(0, 4, 1, 2, 3), bias, padding=1)
    b, i, j, k = x.coords.long().unbind(1)
    torch.testing.assert_close(actual, dense[b, :, i, j, k], rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize(("wide", "narrow"), [(7, 5), (5, 7), (6, 6)])
def test_both_methods_of_convolution_have_the_same_values_and_gradients(wide: int, narrow: int) -> None:
    torch.manual_seed(0)
    grid = VoxelGrid(random_voxels(200, 80))
    shapes = ((280, wide), (narrow, 3, 3, 3, wide), (narrow,))
    feats, weight, bias = inputs = [torch.randn(shape, requires_grad=True) for shape in shapes]
    bagged = bagged_convolution(feats, grid, weight, bias)
    gathered = gathered_convolution(feats, grid.neighbours, weight, bias)
    torch.testing.assert_close(bagged, gathered, rtol=1e-5, atol=1e-4)
    gradients = [torch.autograd.grad(out.square().sum(), inputs) for out in (bagged, gathered)]
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-3)


@torch.no_grad()
def test_a_lone_voxel_is_convolved_with_the_middle_tap() -> None:
    conv = SubmanifoldConvolution(3, 5)
    x = SparseTensor.of(torch.tensor([[0, 4, 5, 6]]), torch.randn(1, 3))
    expected = x.feats @ conv.conv.weight[:, 1, 1, 1].T + conv.conv.bias
    torch.testing.assert_close(conv(x).feats, expected)


def test_neighbours_do_not_leak_across_box_borders_or_objects() -> None:
    coords = torch.tensor([[0, 0, 0, 7], [0, 0, 1, 0], [1, 0, 0, 7]])
    neighbours = VoxelGrid(coords).neighbours
    assert (neighbours < 3).sum(dim=1).tolist() == [1, 1, 1]
    assert neighbours[:, 13].tolist() == [0, 1, 2]


def test_pointwise_convolution_reads_the_stored_matrix_without_transposing_it() -> None:
    conv = SubmanifoldConvolution(3, 5, kernel_size=1)
    x = SparseTensor.of(random_voxels(10), torch.randn(10, 3))
    expected = x.feats @ conv.conv.weight.flatten().view(3, 5) + conv.conv.bias
    torch.testing.assert_close(conv(x).feats, expected)


def test_downsampling_divides_each_sum_by_one_more_than_its_children() -> None:
    coords = torch.tensor([[0, 2, 3, 4], [0, 0, 0, 0], [0, 3, 2, 5], [1, 1, 1, 1]])
    coarse = downsample(SparseTensor.of(coords, torch.tensor([[1.0], [2.0], [4.0], [8.0]])))
    assert coarse.coords.tolist() == [[0, 0, 0, 0], [0, 1, 1, 2], [1, 0, 0, 0]]
    torch.testing.assert_close(coarse.feats, torch.tensor([[1.0], [5.0 / 3], [4.0]]))


def test_upsampling_copies_each_parent_to_its_children_in_their_order() -> None:
    fine = VoxelGrid(random_voxels(60, 40))
    coarse = fine.downsampled.coarse
    values = upsample(torch.arange(len(coarse))[:, None].float(), fine).feats[:, 0].long()
    parents = torch.cat([fine.coords[:, :1], fine.coords[:, 1:] // 2], dim=1)
    assert torch.equal(coarse.coords[values], parents.int())


def test_subdivision_lists_the_children_of_each_voxel_z_fastest() -> None:
    fine = subdivide(SparseTensor.of(torch.tensor([[0, 1, 2, 3]]), torch.ones(1, 2)))
    assert fine.coords[:3].tolist() == [[0, 2, 4, 6], [0, 2, 4, 7], [0, 2, 5, 6]]
    assert len(fine.grid) == 8


def test_windows_partition_voxels_by_their_shifted_corner() -> None:
    grid = VoxelGrid(random_voxels(200, 90))
    groups = grid.windows(4, 2).group_of_row
    key = torch.cat([grid.coords[:, :1], (grid.coords[:, 1:] + 2) // 4], dim=1)
    same = (key[:, None] == key[None]).all(dim=2)
    assert torch.equal(groups[:, None] == groups[None], same)


def test_a_repeated_grid_holds_all_objects_again() -> None:
    grid = VoxelGrid(random_voxels(5, 3)).repeated(2)
    assert grid.counts == [5, 3, 5, 3]
    assert torch.equal(grid.coords[:8, 1:], grid.coords[8:, 1:])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "coords",
    [torch.zeros(0, 4).int(), torch.zeros(3, 3).int(), torch.zeros(2, 4), torch.tensor([[1, 0, 0, 0]])],
    ids=["no voxels", "three columns", "not integers", "object 0 is missing"],
)
def test_impossible_coordinates_are_refused(coords: Tensor) -> None:
    with pytest.raises(ValueError, match=r"coordinates|batch column"):
        VoxelGrid(coords)


def test_counts_that_do_not_fit_the_rows_are_refused() -> None:
    for counts in ([3], [1], [2, 0]):
        with pytest.raises(ValueError, match="2 rows"):
            VoxelGrid(random_voxels(2), counts)


def test_given_counts_make_the_same_grid_as_counted_ones() -> None:
    coords = random_voxels(200, 90)
    counted, given = VoxelGrid(coords), VoxelGrid(coords, [200, 90])
    assert counted.counts == given.counts == [200, 90]
    assert torch.equal(given.objects.group_of_row, coords[:, 0].long())
    assert given.downsampled.coarse.counts == VoxelGrid(given.downsampled.coarse.coords).counts


def test_children_are_the_voxels_that_a_token_covers() -> None:
    grid = VoxelGrid(random_voxels(60, 40))
    down = grid.downsampled
    for row, token in enumerate(down.coarse.coords.tolist()):
        inside = [
            i for i, (b, *xyz) in enumerate(grid.coords.tolist()) if [b, *(c // 2 for c in xyz)] == token
        ]
        assert down.children[row].tolist() == inside + [len(grid)] * (8 - len(inside))
        assert down.num_children[row] == len(inside)
        assert all(down.parent[i] == row for i in inside)


def test_interleaved_objects_are_refused() -> None:
    with pytest.raises(ValueError, match="batch column"):
        VoxelGrid(random_voxels(2, 2)[[0, 2, 1, 3]])
