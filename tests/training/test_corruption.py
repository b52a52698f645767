"""Spoilt objects differ from the whole one in the way that their name says."""

import pytest
import torch

from models.gaussians.gaussians import Gaussians
from tests.stand_ins.fakes import ball
from training.corruption import CORRUPTIONS

WHOLE, OTHER = ball((0.2, 0.4, 0.6), 1, 2000), ball((0.9, 0.4, 0.6), 2, 2000)


def spoilt(name: str) -> Gaussians:
    return CORRUPTIONS[name](WHOLE, OTHER, 3)


def extents(splats: Gaussians) -> torch.Tensor:
    return splats.means.amax(dim=0) - splats.means.amin(dim=0)


def test_each_way_is_its_own() -> None:
    assert ((spoilt("floaters").means != WHOLE.means).any(dim=1).sum()) == 100
    assert 0.3 < spoilt("holes").num_splats / 2000 < 0.98
    assert spoilt("half").num_splats == pytest.approx(1000, abs=2)
    assert spoilt("two_objects").num_splats == 4000
    assert float(extents(spoilt("two_objects"))[0]) > 2 * float(extents(WHOLE)[0])
    assert float(extents(spoilt("card"))[2]) < 0.05 * float(extents(WHOLE)[2])
    assert float(spoilt("inside_out").means.norm(dim=1).mean()) < 0.5 * float(WHOLE.means.norm(dim=1).mean())


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_whole_object_is_left_alone_and_a_way_gives_the_same_twice(name: str) -> None:
    before = WHOLE.means.clone()
    assert torch.equal(spoilt(name).means, spoilt(name).means)
    assert torch.equal(WHOLE.means, before)
