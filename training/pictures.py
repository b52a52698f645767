"""Pictures of random coloured objects, many at a time, for the trainings that look at single views.

specs -> palettes + geometry rows + cameras -> painter -> RGBA -> composed on a background -> bank of uint8
pictures
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from training.objects.catalog import MAX_PARTS
from training.objects.colors import COLOR_SRGB
from training.objects.kind import Kind
from training.text.specs import Spec, draw_spec, part_colors

BACKDROP = (0.78, 0.82, 0.86)
HELD_OUT_GEOMETRIES = 0.08


class Painter(Protocol):
    """Draws a batch of geometries in given colours and views."""

    def paint(
        self,
        rows: Int[Tensor, "batch"],
        palettes: Float[Tensor, "batch parts 3"],
        angles: "Angles",
        size: int,
    ) -> Float[Tensor, "batch height width 4"]:
        """RGBA, premultiplied, 0 to 1."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Angles:
    """One view of each object of a batch.

    Attributes:
        yaw: Degrees; 0 sees the front, positive moves the camera to the object's right-hand side (+x).
        elevation: Degrees above the horizon.
        zoom: Focal length multiplier.
    """

    yaw: Float[Tensor, "batch"]
    elevation: Float[Tensor, "batch"]
    zoom: Float[Tensor, "batch"]

    def select(self, index: slice) -> "Angles":
        return Angles(yaw=self.yaw[index], elevation=self.elevation[index], zoom=self.zoom[index])


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenes:
    """What is in each picture of a bank: geometry row, spec and part colours."""

    rows: Int[Tensor, "scenes"]
    specs: tuple[Spec, ...]
    palettes: Float[Tensor, "scenes parts 3"]

    def __len__(self) -> int:
        return len(self.specs)


def palette(kind: Kind, spec: Spec) -> Float[np.ndarray, "parts 3"]:
    """sRGB of every part, padded to `MAX_PARTS` rows."""
    colors = np.zeros((MAX_PARTS, 3), dtype=np.float32)
    for index, name in enumerate(part_colors(kind, spec)):
        colors[index] = COLOR_SRGB[name]
    return colors


def split_rows(kind_of_row: Int[np.ndarray, "rows"], *, held_out: bool) -> list[Int[np.ndarray, "some"]]:
    """Geometry rows of each kind, for training or (the last few of every kind) for evaluation."""
    split = []
    for kind in range(int(kind_of_row.max()) + 1):
        rows = np.flatnonzero(kind_of_row == kind)
        num_held_out = max(1, round(len(rows) * HELD_OUT_GEOMETRIES))
        split.append(rows[-num_held_out:] if held_out else rows[: max(1, len(rows) - num_held_out)])
    return split


def draw_scenes(
    count: int,
    kinds: Sequence[Kind],
    rows_of_kind: Sequence[Int[np.ndarray, "some"]],
    rng: np.random.Generator,
    draw: Callable[[Kind, np.random.Generator], Spec] = draw_spec,
) -> Scenes:
    """Random scenes, every kind as often as its share of the rows."""
    kind_of_row = np.repeat(np.arange(len(kinds)), [len(rows) for rows in rows_of_kind])
    indices = rng.permutation(
        kind_of_row[np.linspace(0, len(kind_of_row), count, endpoint=False).astype(int)]
    )
    specs = tuple(draw(kinds[i], rng) for i in indices)
    rows = np.array([rng.choice(rows_of_kind[i]) for i in indices])
    palettes = np.stack([palette(kinds[i], spec) for i, spec in zip(indices, specs, strict=True)])
    return Scenes(rows=torch.from_numpy(rows), specs=specs, palettes=torch.from_numpy(palettes))


def three_quarter(count: int, generator: torch.Generator) -> Angles:
    """The view in which the text-to-image family draws: yaw 20..45, elevation 12..25 degrees."""
    return Angles(
        yaw=uniform(count, 20, 45, generator),
        elevation=uniform(count, 12, 25, generator),
        zoom=uniform(count, 0.95, 1.05, generator),
    )


def all_around(count: int, generator: torch.Generator) -> Angles:
    """Views from any side, as the judge sees them."""
    return Angles(
        yaw=uniform(count, -180, 180, generator),
        elevation=uniform(count, -5, 45, generator),
        zoom=uniform(count, 0.8, 1.15, generator),
    )


def uniform(count: int, low: float, high: float, generator: torch.Generator) -> Float[Tensor, "count"]:
    return low + (high - low) * torch.rand(count, generator=generator)


def on_backdrop(rgba: Float[Tensor, "batch height width 4"]) -> Float[Tensor, "batch height width 3"]:
    """Composed on the family's plain bluish gray, a little brighter at the top."""
    height = rgba.shape[1]
    gradient = torch.linspace(0.03, -0.03, height, device=rgba.device)[None, :, None, None]
    background = torch.tensor(BACKDROP, device=rgba.device) + gradient
    return rgba[..., :3] + background * (1 - rgba[..., 3:])


def on_white(rgba: Float[Tensor, "batch height width 4"]) -> Float[Tensor, "batch height width 3"]:
    """Composed on white."""
    return rgba[..., :3] + (1 - rgba[..., 3:])


@torch.no_grad()
def paint_bank(
    painter: Painter,
    scenes: Scenes,
    angles: Angles,
    *,
    size: int,
    compose: Callable[[Tensor], Tensor],
    device: torch.device,
    out_size: int | None = None,
    chunk: int = 64,
) -> UInt8[Tensor, "scenes height width 3"]:
    """Pictures of all scenes, on the device; `out_size` is their side when `compose` changes it."""
    side = out_size or size
    bank = torch.empty(len(scenes), side, side, 3, dtype=torch.uint8, device=device)
    for start in range(0, len(scenes), chunk):
        some = slice(start, start + chunk)
        rgba = painter.paint(
            scenes.rows[some].to(device), scenes.palettes[some].to(device), angles.select(some), size
        )
        bank[some] = (compose(rgba).clamp(0, 1) * 255).round().to(torch.uint8)
    return bank
