"""Colours of video against the standard's own table, and where they lie."""

import pytest
import torch

from rendering.yuv import yuv420p

# 100 % colour bars of BT.709, 8 bits, limited range: R, G, B to Y, Cb, Cr
BARS = {
    (255, 255, 255): (235, 128, 128),
    (255, 255, 0): (219, 16, 138),
    (0, 255, 255): (188, 154, 16),
    (0, 255, 0): (173, 42, 26),
    (255, 0, 255): (78, 214, 230),
    (255, 0, 0): (63, 102, 240),
    (0, 0, 255): (32, 240, 118),
    (0, 0, 0): (16, 128, 128),
}


@pytest.mark.parametrize("rgb", BARS)
def test_colour_bars_are_those_of_the_standard(rgb: tuple[int, int, int]) -> None:
    frame = torch.tensor(rgb, dtype=torch.uint8).expand(1, 4, 6, 3)
    planes = yuv420p(frame)
    assert planes.shape == (1, 6, 6)
    y, cb, cr = BARS[rgb]
    assert planes.flatten().tolist() == [y] * 24 + [cb] * 6 + [cr] * 6


def test_a_chroma_sample_is_the_mean_of_its_four_pixels_and_frames_stay_apart() -> None:
    frames = torch.zeros(2, 4, 4, 3, dtype=torch.uint8)
    frames[1, :2, 2:] = torch.tensor([0, 0, 255], dtype=torch.uint8)  # the upper right block is blue
    frames[1, 3, 0] = torch.tensor([255, 0, 0], dtype=torch.uint8)  # one red pixel of the lower left
    dark, drawn = yuv420p(frames)
    assert dark.flatten().tolist() == [16] * 16 + [128] * 8
    assert drawn[:4].tolist() == [[16, 16, 32, 32], [16, 16, 32, 32], [16, 16, 16, 16], [63, 16, 16, 16]]
    cb, cr = drawn[4:].flatten().view(2, 4).tolist()
    assert cb == [128, 240, 122, 128]  # (102 + 3 x 128) / 4 = 121.5 from the unrounded 102.3
    assert cr == [128, 118, 156, 128]


def test_odd_sides_are_refused() -> None:
    with pytest.raises(ValueError, match="even"):
        yuv420p(torch.zeros(1, 4, 5, 3, dtype=torch.uint8))
