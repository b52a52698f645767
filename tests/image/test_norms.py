"""Group norms in pieces give what torch's own give."""

import pytest
import torch
from torch import nn

from models.image.norms import PIECES, split_norms


@pytest.mark.parametrize("size", [(16, 16), (5, 7), (64, 2)])
@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_norms_in_pieces_change_rounding_only(size: tuple[int, int], offset: float) -> None:
    generator = torch.Generator().manual_seed(0)
    norm = nn.GroupNorm(4, 12, eps=1e-6)
    with torch.no_grad():
        norm.weight.copy_(torch.randn(12, generator=generator))
        norm.bias.copy_(torch.randn(12, generator=generator))
        x = torch.randn(2, 12, *size, generator=generator) * 3 + offset
        x[1, 3:6] *= 100  # groups of other sizes
        expected = norm.double()(x.double())
        norm = norm.float()
        split_norms(norm)
        assert (norm(x).double() - expected).abs().max() < 1e-4


def test_a_group_of_one_value_becomes_the_bias() -> None:
    norm = nn.GroupNorm(2, 4)
    split_norms(norm)
    with torch.no_grad():
        flat = norm(torch.full((1, 4, 8, PIECES), 5.0))
    assert flat.abs().max() < 1e-2
