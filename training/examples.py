"""What image to 3D is trained on: coloured objects, each with an image of it as the encoder will see one."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from training.coloring import ColoringTable
from training.objects.renders import ObjectRenderer
from training.painting import draw_painted
from training.photos import conditioning_images, crop_to_object, normalized
from training.redrawing import Redrawer

COLOR_JITTER = 0.05
REDRAWN_JITTER = 0.03  # less, for the caption says the colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """One batch, in random order.

    Attributes:
        rows: Rows of the data set.
        colors: Shaded colour of every surface point, 0 to 1.
        images: Normalised encoder inputs.
    """

    rows: Int[Tensor, "batch"]
    colors: Float[Tensor, "batch points 3"]
    images: Float[Tensor, "batch 3 size size"]


class ExampleMaker:
    """Draws batches without end.

    Args:
        renderer: Of the data set.
        image_size: Side of the encoder's inputs.
        device: Of the renderer.
        patchwork_share: Of the rendered objects, painted in patches that ignore their parts.
        redrawer: Draws views again as text to image would.
        redrawn_share: Of the objects, seen in views drawn again; they have the colours of their captions.
    """

    def __init__(
        self,
        renderer: ObjectRenderer,
        image_size: int,
        device: str,
        *,
        patchwork_share: float = 0.0,
        redrawer: Redrawer | None = None,
        redrawn_share: float = 0.0,
    ) -> None:
        self.renderer = renderer
        self.table = ColoringTable(2, device)
        self.generator = torch.Generator(device).manual_seed(2)
        self._image_size = image_size
        self._patchwork_share = patchwork_share
        self._redrawer = redrawer
        self._redrawn_share = redrawn_share

    def draw(self, batch: int) -> Examples:
        """A fresh batch."""
        count = 0 if self._redrawer is None else round(batch * self._redrawn_share)
        parts = [self._rendered(batch - count)] if count < batch else []
        if self._redrawer is not None and count > 0:
            parts.append(self._redrawn(self._redrawer, count))
        order = torch.randperm(batch, device=self.generator.device)
        return Examples(
            rows=torch.cat([part.rows for part in parts])[order],
            colors=torch.cat([part.colors for part in parts])[order],
            images=torch.cat([part.images for part in parts])[order],
        )

    def _rendered(self, count: int) -> Examples:
        rows, colors = draw_painted(
            self.renderer,
            self.table,
            count,
            self.generator,
            jitter=COLOR_JITTER,
            patchwork_share=self._patchwork_share,
        )
        images = conditioning_images(self.renderer, rows, colors, self._image_size)
        return Examples(rows=rows, colors=colors, images=images)

    def _redrawn(self, redrawer: Redrawer, count: int) -> Examples:
        geometries = self.renderer.geometries
        rows, spec, part_colors = self.table.draw(geometries, count, self.generator, jitter=REDRAWN_JITTER)
        colors = self.renderer.point_colors(rows, part_colors)
        kinds = geometries.kinds[rows].tolist()
        specs = [self.table.specs[kind][i] for kind, i in zip(kinds, spec.tolist(), strict=True)]
        rgba = redrawer.draw(self.renderer, rows, specs, colors)
        on_black = crop_to_object(rgba, self._image_size)[:, :3].clamp(0, 1)
        return Examples(rows=rows, colors=colors, images=normalized(on_black))
