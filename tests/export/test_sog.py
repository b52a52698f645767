"""SOG against two other programs that read it, and against pillow for its pictures."""

import io
import json
import zipfile
from pathlib import Path

import gaussforge
import numpy as np
import pytest
import torch
from PIL import Image

from export.ply import read_ply, write_ply
from export.sog import write_sog
from export.splat_codes import morton_order
from models.gaussians.gaussians import Gaussians
from tests.export.splat_transform import as_ply
from tests.export.test_ply import random_splats

NUM_SPLATS = 3000


@pytest.fixture(scope="module")
def splats() -> Gaussians:
    """In the order in which they are written."""
    unordered = random_splats(NUM_SPLATS)
    return unordered.select(torch.from_numpy(morton_order(unordered.means.double().numpy())))


def assert_same_splats(found: Gaussians, splats: Gaussians) -> None:
    """Within 16 bits of a position, and what books of 256 values leave of scales 5 and colours 1.4 wide."""
    torch.testing.assert_close(found.means, splats.means, rtol=0, atol=3e-5)
    torch.testing.assert_close(found.scales.log(), splats.scales.log(), rtol=0, atol=2 * 5.0 / 255)
    torch.testing.assert_close(found.colors, splats.colors, rtol=0, atol=2 * 1.4 / 255)
    torch.testing.assert_close(found.opacities, splats.opacities, rtol=0, atol=0.51 / 255)
    assert float((found.quats_wxyz * splats.quats_wxyz).sum(-1).abs().min()) > 0.9999


def test_gaussforge_finds_the_splats_within_the_formats_steps(splats: Gaussians) -> None:
    data = gaussforge.GaussForge().convert(write_sog(splats), "sog", "ply")["data"]
    assert_same_splats(read_ply(bytes(data)), splats)


def test_splat_transform_finds_them_too(splats: Gaussians, tmp_path: Path) -> None:
    assert_same_splats(read_ply(as_ply(write_sog(splats), "object.sog", tmp_path)), splats)


def test_no_opacity_comes_back_as_an_infinite_logit(tmp_path: Path) -> None:
    splats = random_splats(256)
    splats.opacities[:] = torch.linspace(0.0, 1.0, 256)
    data = bytes(gaussforge.GaussForge().convert(write_sog(splats), "sog", "ply")["data"])
    assert np.isfinite(np.frombuffer(data[data.index(b"end_header\n") + 11 :], "<f4")).all()


def test_the_largest_and_the_smallest_splat_keep_their_size(splats: Gaussians) -> None:
    uneven = splats.select(torch.arange(NUM_SPLATS))
    uneven.scales[7], uneven.scales[11] = 0.9, 1e-5
    data = gaussforge.GaussForge().convert(write_sog(uneven), "sog", "ply")["data"]
    found = read_ply(bytes(data)).scales.log()
    torch.testing.assert_close(found[[7, 11]], uneven.scales[[7, 11]].log(), rtol=0, atol=1e-4)


def test_pictures_are_lossless_and_a_file_is_small(splats: Gaussians) -> None:
    data = write_sog(splats)
    assert len(data) < len(write_ply(splats)) / 3.4  # random splats; real ones take a fifth
    assert data == write_sog(splats)
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        meta = json.loads(bundle.read("meta.json"))
        pictures = [Image.open(io.BytesIO(bundle.read(name))) for name in meta["means"]["files"]]
    assert (meta["version"], meta["count"]) == (2, NUM_SPLATS)
    low, high = (np.asarray(picture.convert("RGBA")).reshape(-1, 4)[:NUM_SPLATS, :3] for picture in pictures)
    ends = np.array([meta["means"]["mins"], meta["means"]["maxs"]])
    logs = ends[0] + (low + 256.0 * high) / 65535 * (ends[1] - ends[0])
    means = np.sign(logs) * np.expm1(np.abs(logs))
    np.testing.assert_allclose(means, splats.means.numpy(), atol=3e-5)


def test_a_single_splat_is_written() -> None:
    splats = random_splats(1)
    data = gaussforge.GaussForge().convert(write_sog(splats), "sog", "ply")["data"]
    torch.testing.assert_close(read_ply(bytes(data)).means, splats.means, rtol=0, atol=1e-6)


def test_unfit_splats_are_refused() -> None:
    broken = random_splats(3)
    broken.opacities[0] = float("inf")
    with pytest.raises(ValueError, match="finite"):
        write_sog(broken)
