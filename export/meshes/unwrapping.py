"""Texture coordinates: charts, packed into a square.

Vertices on a seam are doubled, so the result has vertices of its own.
"""

import logging
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from export.meshes.charts import cut_into_charts
from export.meshes.packing import pack
from export.meshes.texels import owners

MARGIN = 2  # texels around a chart: bilinear filters read one, rounding may take another
MAX_CUTS = 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwrapped:
    """Vertices, once a side of each seam, and where they lie in the texture.

    Attributes:
        source: Which of the mesh's vertices each one is.
        faces: The mesh's faces, in its order.
        texels: Place in texels, x from the left, y from the top.
    """

    source: Int[np.ndarray, " vertices"]
    faces: Int[np.ndarray, "faces 3"]
    texels: Float[np.ndarray, "vertices 2"]


def unwrap(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"], side: int
) -> Unwrapped:
    """The mesh's vertices in a square of `side` texels; faces that overlap others are cut off, three times.

    Raises:
        ValueError: There are more charts than a texture of this size can hold.
    """
    apart = np.zeros(len(faces), np.int32)
    for cut in range(MAX_CUTS + 1):
        charts = cut_into_charts(vertices, faces, apart)
        scale, places = pack(charts.sizes, side, MARGIN)
        corners = charts.corners * scale + places[charts.chart][:, None]
        _, doubled = owners(corners, side)
        if len(doubled) == 0:
            break
        apart[doubled] = cut + 1
    keys = charts.chart[:, None].astype(np.int64) * len(vertices) + faces
    unique, first, number = np.unique(keys, return_index=True, return_inverse=True)
    logger.debug("%d charts, %d vertices", len(charts.sizes), len(unique))
    return Unwrapped(
        source=(unique % len(vertices)).astype(np.int32),
        faces=number.reshape(-1, 3).astype(np.int32),
        texels=corners.reshape(-1, 2)[first].astype(np.float32),
    )
