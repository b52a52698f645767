"""SPZ against an independent reader and writer."""

import gzip

import gaussforge
import numpy as np
import pytest
import torch

from export.ply import read_ply, write_ply
from export.spz import write_spz
from models.gaussians.frames import rotate_frame
from tests.export.test_ply import random_splats

NUM_SPLATS = 2000


@pytest.fixture(scope="module")
def tool() -> gaussforge.GaussForge:
    return gaussforge.GaussForge()


def test_another_reader_finds_the_splats_within_the_formats_steps(tool: gaussforge.GaussForge) -> None:
    splats = random_splats(NUM_SPLATS)
    found = read_ply(bytes(tool.convert(write_spz(splats), "spz", "ply")["data"]))
    torch.testing.assert_close(found.means, splats.means, rtol=0, atol=0.51 / 4096)
    torch.testing.assert_close(found.scales.log(), splats.scales.log(), rtol=0, atol=0.51 / 16)
    torch.testing.assert_close(found.opacities, splats.opacities, rtol=0, atol=0.51 / 255)
    # one step of a colour is SH_C0 / (0.15 * 255); values of f_dc beyond the 8 bits are clipped
    torch.testing.assert_close(found.colors, splats.colors.clamp(-0.44, 1.44), rtol=0, atol=0.004)
    cosines = (found.quats_wxyz * splats.quats_wxyz).sum(-1).abs()
    assert float(cosines.min()) > 0.99999


def test_another_writer_writes_the_same_bytes_but_for_rounding(tool: gaussforge.GaussForge) -> None:
    splats = random_splats(NUM_SPLATS)
    ours = np.frombuffer(gzip.decompress(write_spz(splats)), np.uint8)
    theirs = bytes(tool.convert(write_ply(splats), "ply", "spz")["data"])
    expected = np.frombuffer(gzip.decompress(theirs), np.uint8)
    assert np.array_equal(ours[:16], expected[:16])
    assert len(ours) == len(expected) == 16 + 20 * NUM_SPLATS
    different = ours != expected
    assert different.mean() < 1e-4  # measured: 1 byte of 20,016; halves round to even here, away from 0 there


def test_the_file_stands_upright_whatever_the_frame_of_the_splats() -> None:
    splats = random_splats(50)
    turned = rotate_frame(splats, source="validator", target="standard")
    first, second = (
        np.frombuffer(gzip.decompress(data), np.uint8)
        for data in (write_spz(splats), write_spz(turned, frame="standard"))
    )
    rotations = 16 + 16 * 50  # where they start: their components come back with a rounding error
    assert np.array_equal(first[:rotations], second[:rotations])


def test_the_same_splats_give_the_same_bytes() -> None:
    assert write_spz(random_splats(10)) == write_spz(random_splats(10))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    splats = random_splats(3)
    splats.means[1, 2] = value
    with pytest.raises(ValueError, match="finite"):
        write_spz(splats)
