"""Every picture beside what was made of it, on one sheet."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.pictures.objects import Pixels
from models.gaussians.gaussians import Gaussians
from rendering.cameras import orbit
from rendering.renderer import SplatRenderer


def strip(picture: Pixels, splats: Gaussians | None, renderer: SplatRenderer) -> Pixels:
    """A picture and two views of what was made of it."""
    small = np.asarray(Image.fromarray(picture).resize((96, 96)))
    if splats is None:
        return np.concatenate([small, np.full((96, 192, 3), 128, np.uint8)], axis=1)
    views = renderer.render(splats, orbit(azimuths_degrees=[20, 200], elevation_degrees=15, size=96))
    return np.concatenate([small, *views.cpu().numpy()], axis=1)


def save_sheet(strips: Sequence[Pixels], file: Path, columns: int = 5) -> None:
    """All strips, row by row."""
    padded = [*strips, *[np.full_like(strips[0], 255)] * (-len(strips) % columns)]
    lines = [np.concatenate(padded[i : i + columns], axis=1) for i in range(0, len(padded), columns)]
    Image.fromarray(np.concatenate(lines)).save(file, quality=70)
