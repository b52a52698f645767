"""Views drawn again by text to image: the same object in the same place, with the flaws of what is served."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from models.image.text_to_image import TextToImage
from models.matte import MatteCutter
from training.image_to_3d import mean_over_objects
from training.redrawing import CAPTION_TOKENS, RESOLUTION, STEPS, Redrawer

EMBEDDED = Path("models/embedded")
CAPTIONS = ["red apple", "blue chair"]


@pytest.fixture(scope="module")
def redrawer() -> Redrawer:
    return Redrawer(EMBEDDED, "cpu", seed=1)


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    """What the service draws for the captions, [2, 3, side, side]."""
    family = TextToImage.load(EMBEDDED / "text_to_image", device="cpu")
    drawn = family.generate(
        CAPTIONS, [1, 2], steps=STEPS, resolution=RESOLUTION, max_sequence_length=CAPTION_TOKENS
    )
    return torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2).float() / 255


def cut_out(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Mattes [batch, side, side] and colours as the service's matting gives them, 0 to 1."""
    pixels = [picture.permute(1, 2, 0).mul(255).round().byte().numpy() for picture in pictures]
    cut = MatteCutter.load(EMBEDDED / "matte", device="cpu").cut_out(pixels)
    rgba = torch.from_numpy(np.stack([c for c in cut if isinstance(c, np.ndarray)])).float() / 255
    return rgba[..., 3], rgba[..., :3].permute(0, 3, 1, 2)


def mean_color(premultiplied: Tensor) -> Tensor:
    """Mean colour of the object in premultiplied RGBA [batch, 4, side, side]."""
    return premultiplied[:, :3].sum((2, 3)) / premultiplied[:, 3:].sum((2, 3))


def test_an_object_stays_where_it_is_and_what_it_is(redrawer: Redrawer, pictures: Tensor) -> None:
    mattes, colors = cut_out(pictures)
    redrawn = redrawer.redraw(pictures, CAPTIONS, 4)
    assert redrawn.shape == (2, 4, RESOLUTION, RESOLUTION)
    before, after = mattes > 0.5, redrawn[:, 3] > 0.5
    overlap = (before & after).sum((1, 2)) / (before | after).sum((1, 2))
    assert overlap.min() > 0.85
    whole = torch.cat([colors * mattes[:, None], mattes[:, None]], 1)
    assert (mean_color(redrawn) - mean_color(whole)).abs().max() < 0.06


def test_more_steps_change_more(redrawer: Redrawer, pictures: Tensor) -> None:
    changes = []
    for steps in (2, 6, 10):
        redrawn = redrawer.redraw(pictures, CAPTIONS, steps)
        inside = redrawn[:, 3:] > 0.95
        changes.append(float(((redrawn[:, :3] - pictures).abs() * inside).sum() / inside.sum()))
    assert changes[0] < changes[1] < changes[2]


def test_nothing_is_left_of_the_backdrop(redrawer: Redrawer, pictures: Tensor) -> None:
    redrawn = redrawer.redraw(pictures, CAPTIONS, 4)
    corners = redrawn[:, :, :12, :12]
    assert corners.abs().max() < 12 / 255


def test_each_object_counts_the_same_however_many_voxels_it_has() -> None:
    values = torch.tensor([1.0, 3.0, 10.0, 10.0, 10.0, 10.0], requires_grad=True)
    loss = mean_over_objects(values, torch.tensor([0, 0, 1, 1, 1, 1]), 2)
    assert loss.item() == pytest.approx((2 + 10) / 2)
    loss.backward()
    assert values.grad is not None
    assert values.grad.tolist() == pytest.approx([0.25, 0.25, 0.125, 0.125, 0.125, 0.125])
