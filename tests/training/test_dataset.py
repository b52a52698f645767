"""The data set's shares of kinds, and that pictures follow them."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from training.objects.catalog import KINDS
from training.objects.dataset import instances, load_geometries, write_dataset
from training.pictures import draw_scenes, split_rows

FEW = KINDS[:3]


def test_more_of_a_kind_gives_it_a_larger_block(tmp_path: Path) -> None:
    write_dataset(tmp_path, FEW[:2], 1, workers=1, more={FEW[1].name: 2})
    geometries = load_geometries(tmp_path, "cpu")
    assert geometries.kinds.tolist() == [0, 1, 1]
    first, second, third = geometries.positions
    assert not second.equal(third)
    assert all(points.abs().max() > 0.4 for points in (first, second, third))  # all rows were written


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="hovercraft"):
        instances(FEW, 4, {"hovercraft": 2})


def test_scenes_show_kinds_as_often_as_the_rows_do() -> None:
    kind_of_row = np.repeat(np.arange(3), instances(FEW, 25, {FEW[2].name: 2}))
    scenes = draw_scenes(400, FEW, split_rows(kind_of_row, held_out=False), np.random.default_rng(0))
    drawn = Counter(spec.kind for spec in scenes.specs)
    assert drawn == pytest.approx({FEW[0].name: 100, FEW[1].name: 100, FEW[2].name: 200}, abs=2)
    assert all(
        kind_of_row[row] == [k.name for k in FEW].index(spec.kind)
        for row, spec in zip(scenes.rows.tolist(), scenes.specs, strict=True)
    )
