"""The oracle for colours knows pink from its neighbours, in light and shade."""

import numpy as np
import pytest

from tests.end_to_end.hues import NAMED, hue_named

OTHERS = {
    "pink": [(255, 20, 147), (255, 192, 203), (219, 112, 147)],  # deeppink, pink, palevioletred
    "red": [(178, 34, 34), (139, 0, 0), (255, 99, 71)],  # firebrick, darkred, tomato
    "orange": [(255, 140, 0), (210, 105, 30), (139, 69, 19)],  # darkorange, chocolate, saddlebrown
    "purple": [(148, 0, 211), (153, 50, 204), (186, 85, 211)],  # darkviolet, darkorchid, mediumorchid
}


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("light", [0.35, 0.6, 1.0])
def test_shade_leaves_a_colours_name(name: str, light: float) -> None:
    assert hue_named(np.array(NAMED[name]) / 255 * light) == name


@pytest.mark.parametrize("name", OTHERS)
def test_neighbours_of_pink_have_their_own_names(name: str) -> None:
    assert [hue_named(np.array(color) / 255) for color in OTHERS[name]] == [name] * 3


def test_grey_parts_are_left_out() -> None:
    grey = np.full((100, 3), 0.2)
    assert hue_named(np.concatenate([grey, np.array([[1.0, 0.4, 0.7]])])) == "pink"
    with pytest.raises(AssertionError, match="vivid"):
        hue_named(grey)
