"""A picture of an object from all around: 2 rows of 4 views, 45 degrees apart, on white.

python -m rendering.contact_sheet FILE.ply OUT.png
"""

import argparse
import io
from pathlib import Path

import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from command_line.arguments import at_least_one, user_path
from models.gaussians.gaussians import Gaussians
from rendering.cameras import orbit
from rendering.renderer import SplatRenderer, create_renderer

ROWS, COLUMNS = 2, 4
FRAME_COLOR = 226  # light grey
SUPERSAMPLING = 2  # views are rendered larger and averaged down


def contact_sheet(
    gaussians: Gaussians,
    renderer: SplatRenderer,
    *,
    view_size: int = 320,
    gap: int = 2,
    elevation_degrees: float = 15.0,
    radius: float = 2.3,
) -> UInt8[Tensor, "height width 3"]:
    """Render the views and lay them out, front view first, separated by thin grey lines.

    Args:
        gaussians: The object in "validator" space, largest extent about 1.5.
        renderer: Draws the views.
        view_size: Side of one view in pixels.
        gap: Width of the lines between and around the views in pixels.
        elevation_degrees: Of all cameras.
        radius: Of all cameras; the object fills most of a view at 2.3.
    """
    cameras = orbit(
        ROWS * COLUMNS,
        elevation_degrees=elevation_degrees,
        radius=radius,
        size=view_size * SUPERSAMPLING,
    )
    views = _shrink(renderer.render(gaussians, cameras).cpu())
    step = view_size + gap
    sheet = torch.full((ROWS * step + gap, COLUMNS * step + gap, 3), FRAME_COLOR, dtype=torch.uint8)
    for number, view in enumerate(views):
        top, left = gap + number // COLUMNS * step, gap + number % COLUMNS * step
        sheet[top : top + view_size, left : left + view_size] = view
    return sheet


def contact_sheet_png(gaussians: Gaussians, renderer: SplatRenderer, *, view_size: int = 320) -> bytes:
    """The contact sheet as a PNG file's bytes."""
    buffer = io.BytesIO()
    Image.fromarray(contact_sheet(gaussians, renderer, view_size=view_size).numpy()).save(buffer, "PNG")
    return buffer.getvalue()


def _shrink(views: UInt8[Tensor, "views tall wide 3"]) -> UInt8[Tensor, "views height width 3"]:
    channels_first = views.permute(0, 3, 1, 2).float()
    averaged = torch.nn.functional.avg_pool2d(channels_first, SUPERSAMPLING)
    return averaged.round().permute(0, 2, 3, 1).to(torch.uint8)


def _parse_arguments() -> tuple[Path, Path, int]:
    parser = argparse.ArgumentParser(prog="python -m rendering.contact_sheet", description=__doc__)
    parser.add_argument("ply", type=user_path, help="splat PLY, +Y up, largest extent about 1.5")
    parser.add_argument("png", type=user_path, help="picture to write")
    parser.add_argument("--view-size", type=at_least_one, default=320, help="side of one view in pixels")
    parsed = parser.parse_args()
    return parsed.ply, parsed.png, parsed.view_size


if __name__ == "__main__":
    # The program sits above the layers: `rendering` as a library never imports `export`.
    from command_line.running import run_program
    from export.ply import read_ply

    def _main() -> None:
        _ply, _png, _view_size = _parse_arguments()
        _splats = read_ply(_ply.read_bytes())
        _png.write_bytes(contact_sheet_png(_splats, create_renderer("cpu"), view_size=_view_size))

    run_program(_main)
