"""SPZ against an independent reader and writer."""

import gzip
from dataclasses import replace

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


def test_version_4_holds_the_same_splats_and_is_read_by_another_program(tool: gaussforge.GaussForge) -> None:
    splats = random_splats(NUM_SPLATS)
    files = write_spz(splats), write_spz(splats, version=4)
    assert files[1][:8] == b"NGSP\x04\0\0\0"
    third, fourth = (bytes(tool.convert(data, "spz", "ply")["data"]) for data in files)
    assert third == fourth


def test_no_opacity_comes_back_as_an_infinite_logit(tool: gaussforge.GaussForge) -> None:
    splats = random_splats(256)
    splats.opacities[:] = torch.linspace(0.0, 1.0, 256)
    for version in (3, 4):
        data = bytes(tool.convert(write_spz(splats, version=version), "spz", "ply")["data"])
        rows = np.frombuffer(data[data.index(b"end_header\n") + 11 :], "<f4")
        assert np.isfinite(rows).all()  # of 255 that program makes infinity, of 0 its negative


def test_splats_of_another_frame_are_written_as_they_are(tool: gaussforge.GaussForge) -> None:
    standard = rotate_frame(random_splats(50), source="validator", target="standard")
    found = read_ply(bytes(tool.convert(write_spz(standard), "spz", "ply")["data"]))
    torch.testing.assert_close(found.means, standard.means, rtol=0, atol=0.51 / 4096)


def test_a_small_object_is_not_written_more_coarsely(tool: gaussforge.GaussForge) -> None:
    splats = random_splats(NUM_SPLATS)
    small = replace(splats, means=splats.means * 0.1, scales=splats.scales * 0.1)
    found = read_ply(bytes(tool.convert(write_spz(small), "spz", "ply")["data"]))
    torch.testing.assert_close(found.means, small.means, rtol=0, atol=0.51 / 4096 / 8)


def test_the_same_splats_give_the_same_bytes() -> None:
    assert write_spz(random_splats(10)) == write_spz(random_splats(10))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    splats = random_splats(3)
    splats.means[1, 2] = value
    with pytest.raises(ValueError, match="finite"):
        write_spz(splats)
