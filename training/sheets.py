"""Pictures side by side in one PNG, to look at."""

from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor


def save_sheet(pictures: Float[Tensor, "count 3 height width"], path: Path, *, columns: int) -> None:
    """Writes pictures of -1..1 row by row; the last row is filled with black."""
    count, _, height, width = pictures.shape
    rows = -(-count // columns)
    sheet = torch.full((rows * columns, 3, height, width), -1.0)
    sheet[:count] = pictures.detach().float().cpu()
    grid = (
        sheet.reshape(rows, columns, 3, height, width)
        .permute(0, 3, 1, 4, 2)
        .reshape(rows * height, columns * width, 3)
    )
    Image.fromarray(((grid + 1) * 127.5).clamp(0, 255).round().byte().numpy()).save(path)
