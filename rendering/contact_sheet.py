"""A picture of an object from all around: 2 rows of 4 views, 45 degrees apart, on white."""

import io

import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from models.gaussians.gaussians import Gaussians
from rendering.cameras import orbit
from rendering.renderer import SplatRenderer

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
