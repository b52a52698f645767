"""Random objects with a colour for each point of their surface, as the trainings of image to 3D see them."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from training.coloring import ColoringTable
from training.objects.renders import ObjectRenderer
from training.patchwork import patchwork

ANY_COLOR_SHARE = 0.4


def draw_painted(
    renderer: ObjectRenderer,
    table: ColoringTable,
    batch: int,
    generator: torch.Generator,
    *,
    jitter: float,
    patchwork_share: float = 0.0,
) -> tuple[Int[Tensor, "batch"], Float[Tensor, "batch points 3"]]:
    """Geometry rows, and shaded point colours: those of a spec, any for each part, or patches."""
    geometries = renderer.geometries
    rows, _, part_colors = table.draw(geometries, batch, generator, jitter=jitter)
    kinds = geometries.kinds[rows]
    part_colors = table.recolor(kinds, part_colors, generator, share=ANY_COLOR_SHARE)
    flat = patchwork(
        geometries.positions[rows],
        geometries.parts[rows],
        renderer.flat_colors(rows, part_colors),
        table.allowed[kinds],
        generator,
        share=patchwork_share,
    )
    return rows, renderer.shaded(rows, flat)
