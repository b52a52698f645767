"""Attention in groups against one masked dense attention."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.layers import CrossAttention, SelfAttention, attend
from models.sparse import Segments, VoxelGrid, segments_of, uniform_segments
from tests.models.small_models import random_voxels, randomized


def masked_dense(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    q, k, v = (x.transpose(0, 1)[None] for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask[None, None])[0].transpose(0, 1)


def layouts() -> dict[str, Segments]:
    grid = VoxelGrid(random_voxels(300, 40, 170))
    return {
        "windows": grid.windows(4, 0),
        "shifted windows": grid.windows(4, 2),
        "objects of different sizes": grid.objects,
        "objects of one size": uniform_segments(3, 170, torch.device("cpu")),
        "interleaved groups": segments_of(torch.arange(510) % 7),
        "one row a group": segments_of(torch.randperm(510)),
    }


@pytest.mark.parametrize("name", layouts())
def test_grouped_attention_equals_masked_dense_attention(name: str) -> None:
    segments = layouts()[name]
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 510, 2, 8)
    mask = segments.group_of_row[:, None] == segments.group_of_row[None]
    torch.testing.assert_close(attend(q, k, v, segments), masked_dense(q, k, v, mask), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("counts", [(5, 9, 2), (6, 6)])
def test_cross_attention_sees_the_condition_of_its_own_object_only(counts: tuple[int, ...]) -> None:
    attention = randomized(CrossAttention(16, 12, 2, qk_rms_norm=True))
    segments = segments_of(torch.arange(len(counts)).repeat_interleave(torch.tensor(counts)))
    x, cond = torch.randn(sum(counts), 16), torch.randn(len(counts), 7, 12)
    together = attention(x, attention.project(cond).of(segments))
    for i, rows in enumerate(torch.split(x, list(counts))):
        one = uniform_segments(1, len(rows), x.device)
        alone = attention(rows, attention.project(cond[i : i + 1]).of(one))
        torch.testing.assert_close(together[segments.group_of_row == i], alone)


def test_the_unconditional_constant_is_attention_to_a_condition_of_zeros() -> None:
    attention = CrossAttention(16, 12, 2, qk_rms_norm=False)
    objects = uniform_segments(1, 5, torch.device("cpu"))
    attended = attention(torch.randn(5, 16), attention.project(torch.zeros(1, 7, 12)).of(objects))
    torch.testing.assert_close(attended, attention.unconditional().expand(5, -1), rtol=1e-6, atol=1e-6)


def test_self_attention_is_equivariant_to_the_order_of_rows() -> None:
    attention = randomized(SelfAttention(16, 2, qk_rms_norm=True))
    coords, order = random_voxels(120), torch.randperm(120)
    x = torch.randn(120, 16)
    result = attention(x, VoxelGrid(coords).windows(4, 2))
    permuted = attention(x[order], VoxelGrid(coords[order]).windows(4, 2))
    torch.testing.assert_close(permuted, result[order], rtol=1e-5, atol=1e-6)
