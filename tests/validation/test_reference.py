"""A sent object is compared as a view shows one."""

import numpy as np
import pytest

from models.errors import EmptyMatteError
from validation.reference import reference_view


def test_an_object_lies_in_the_middle_on_white_as_large_as_in_a_view() -> None:
    cut_out = np.zeros((300, 200, 4), np.uint8)
    cut_out[20:120, 10:60] = (200, 0, 0, 255)  # 100 high, 50 wide, off the middle
    view = reference_view(cut_out, 96).astype(int)
    seen = view[..., 1] < 128
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    assert np.ptp(rows) + 1 == pytest.approx(96 / 1.5, abs=2)
    assert np.ptp(columns) + 1 == pytest.approx(96 / 3, abs=2)
    assert rows.mean() == pytest.approx(47.5, abs=1)
    assert columns.mean() == pytest.approx(47.5, abs=1)
    assert view[0, 0].tolist() == [255, 255, 255]
    assert view[48, 48].tolist() == [200, 0, 0]


def test_nothing_is_no_object() -> None:
    with pytest.raises(EmptyMatteError):
        reference_view(np.zeros((40, 40, 4), np.uint8), 64)
