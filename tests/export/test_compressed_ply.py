"""Compressed PLY against two other programs that read it."""

from pathlib import Path

import gaussforge
import numpy as np
import pytest
import torch

from export.compressed_ply import write_compressed_ply
from export.ply import read_ply, write_ply
from export.splat_codes import morton_order
from models.gaussians.gaussians import Gaussians
from tests.export.splat_transform import as_ply
from tests.export.test_ply import random_splats

NUM_SPLATS = 3000  # more than eleven chunks, the last of them not full


@pytest.fixture(scope="module")
def splats() -> Gaussians:
    """In the order in which they are written."""
    unordered = random_splats(NUM_SPLATS)
    return unordered.select(torch.from_numpy(morton_order(unordered.means.double().numpy())))


def assert_same_splats(found: Gaussians, splats: Gaussians, *, means: float) -> None:
    """Within the steps of 11 bits of a chunk for scales, of 8 for colours and opacities."""
    torch.testing.assert_close(found.means, splats.means, rtol=0, atol=means)
    torch.testing.assert_close(found.scales.log(), splats.scales.log(), rtol=0, atol=5.0 / 1023)
    torch.testing.assert_close(found.colors, splats.colors, rtol=0, atol=0.51 * 1.4 / 255)
    torch.testing.assert_close(found.opacities, splats.opacities, rtol=0, atol=0.51 / 255)
    assert float((found.quats_wxyz * splats.quats_wxyz).sum(-1).abs().min()) > 0.99999


def test_gaussforge_finds_the_splats_within_the_formats_steps(splats: Gaussians) -> None:
    data = gaussforge.GaussForge().convert(write_compressed_ply(splats), "compressed.ply", "ply")["data"]
    assert_same_splats(read_ply(bytes(data)), splats, means=7.4e-4)


def test_splat_transform_finds_them_too(splats: Gaussians, tmp_path: Path) -> None:
    found = as_ply(write_compressed_ply(splats), "object.compressed.ply", tmp_path)
    assert_same_splats(read_ply(found), splats, means=7.4e-4)


def test_no_opacity_comes_back_as_an_infinite_logit() -> None:
    splats = random_splats(256)
    splats.opacities[:] = torch.linspace(0.0, 1.0, 256)
    data = gaussforge.GaussForge().convert(write_compressed_ply(splats), "compressed.ply", "ply")["data"]
    rows = np.frombuffer(bytes(data)[bytes(data).index(b"end_header\n") + 11 :], "<f4")
    assert np.isfinite(rows).all()


def test_a_single_splat_and_equal_ones_are_written_exactly() -> None:
    for num_splats in (1, 300):
        one = random_splats(1)
        splats = one.select(torch.zeros(num_splats, dtype=torch.int64))
        data = gaussforge.GaussForge().convert(write_compressed_ply(splats), "compressed.ply", "ply")["data"]
        torch.testing.assert_close(read_ply(bytes(data)).means, splats.means, rtol=0, atol=1e-6)


def test_a_file_takes_a_quarter_of_a_ply_and_repeats_its_bytes(splats: Gaussians) -> None:
    data = write_compressed_ply(splats)
    assert len(data) < len(write_ply(splats)) / 3.9
    assert data == write_compressed_ply(splats)


def test_unfit_splats_are_refused() -> None:
    broken = random_splats(3)
    broken.scales[0, 0] = float("nan")
    with pytest.raises(ValueError, match="finite"):
        write_compressed_ply(broken)
    with pytest.raises(ValueError, match="0 splats"):
        write_compressed_ply(random_splats(3).select(torch.zeros(3, dtype=torch.bool)))
