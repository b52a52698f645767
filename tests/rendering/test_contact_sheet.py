"""Contact sheets and turntable frames."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from command_line.places import ROOT
from export.ply import write_ply
from models.gaussians.gaussians import Gaussians
from rendering.cameras import orbit
from rendering.contact_sheet import contact_sheet, contact_sheet_png
from rendering.tile_rasterizer import TileRasterizer
from rendering.turntable import TurntableSettings, turntable, turntable_frames


@pytest.fixture(scope="module")
def rasterizer() -> TileRasterizer:
    return TileRasterizer(num_threads=2)


@pytest.fixture(scope="module")
def compass() -> Gaussians:
    """A red blob in front (+Z), green at the back, blue on the right (+X), black on the left."""
    return Gaussians(
        means=torch.tensor([[0.0, 0, 0.7], [0, 0, -0.7], [0.7, 0, 0], [-0.7, 0, 0]]),
        scales=torch.full((4, 3), 0.1),
        quats_wxyz=torch.tensor([[1.0, 0, 0, 0]]).repeat(4, 1),
        opacities=torch.ones(4),
        colors=torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]),
    )


def test_a_sheet_has_two_rows_of_four_views_between_lines(
    rasterizer: TileRasterizer, compass: Gaussians
) -> None:
    sheet = contact_sheet(compass, rasterizer, view_size=60, gap=2)
    assert sheet.shape == (2 * 62 + 2, 4 * 62 + 2, 3)
    lines = sheet[:, [0, 1, 62, 63, 124, 125]].float()
    assert lines.std() == 0
    assert lines.mean() < 255
    corners = sheet[[3, 3, 120, 120], [3, 240, 3, 240]]
    assert corners.min() == 255


@pytest.mark.parametrize(("view", "color"), [(0, [255, 0, 0]), (2, [0, 0, 255]), (4, [0, 255, 0])])
def test_views_go_round_from_the_front(
    rasterizer: TileRasterizer, compass: Gaussians, view: int, color: list[int]
) -> None:
    sheet = contact_sheet(compass, rasterizer, view_size=60, gap=0, elevation_degrees=1.0).numpy().astype(int)
    top, left = view // 4 * 60, view % 4 * 60
    assert np.abs(sheet[top + 30, left + 30] - color).max() <= 8


def test_the_png_is_the_sheet(rasterizer: TileRasterizer, compass: Gaussians) -> None:
    picture = np.asarray(Image.open(io.BytesIO(contact_sheet_png(compass, rasterizer, view_size=40))))
    assert np.array_equal(picture, contact_sheet(compass, rasterizer, view_size=40).numpy())


@pytest.mark.slow
def test_the_command_line_turns_a_ply_into_a_png(tmp_path: Path, compass: Gaussians) -> None:
    ply, png = tmp_path / "object.ply", tmp_path / "sheet.png"
    ply.write_bytes(write_ply(compass))
    command = [sys.executable, "-m", "scripts.contact_sheet", str(ply), str(png), "--view-size", "32"]
    subprocess.run(command, cwd=ROOT, check=True)
    assert Image.open(io.BytesIO(png.read_bytes())).size == (4 * 34 + 2, 2 * 34 + 2)


def test_turntable_frames_are_the_renders_of_the_path_in_order(
    rasterizer: TileRasterizer, compass: Gaussians
) -> None:
    path = turntable(TurntableSettings(seconds=0.5, fps=10, size=32))
    frames = np.stack(list(turntable_frames(compass, path, rasterizer, views_at_once=2)))
    assert np.array_equal(frames, rasterizer.render(compass, orbit(5, size=32)).numpy())
