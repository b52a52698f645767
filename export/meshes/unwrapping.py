"""Texture coordinates: xatlas if it can be done in time, else charts of our own.

Vertices on a seam are doubled, so the result has vertices of its own.
"""

import io
import logging
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from export.meshes.charts import cut_into_charts
from export.meshes.packing import pack
from export.meshes.texels import owners

MARGIN = 2  # texels around a chart: bilinear filters read one, rounding may take another
MAX_CUTS = 3
XATLAS = Path(__file__).with_name("xatlas_process.py")

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
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    side: int,
    xatlas_seconds: float = 0.0,
) -> Unwrapped:
    """The mesh's vertices in a square texture of `side` texels; xatlas is asked if it may take any time."""
    if xatlas_seconds > 0:
        unwrapped = unwrap_with_xatlas(vertices, faces, side, xatlas_seconds)
        if unwrapped is not None:
            return unwrapped
    return unwrap_fast(vertices, faces, side)


def unwrap_with_xatlas(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"], side: int, seconds: float
) -> Unwrapped | None:
    """Fewer and rounder charts, in seconds; None if it takes longer or cannot do it."""
    request = io.BytesIO()
    np.savez(request, vertices=vertices, faces=faces, side=side, margin=MARGIN)
    command = [sys.executable, str(XATLAS)]
    try:
        reply = subprocess.run(
            command, input=request.getvalue(), capture_output=True, check=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        logger.info("xatlas took more than %g s for %d faces", seconds, len(faces))
        return None
    except subprocess.CalledProcessError as error:
        logger.warning("xatlas failed: %s", error.stderr.decode(errors="replace")[-500:])
        return None
    found = np.load(io.BytesIO(reply.stdout))
    if "texels" not in found or len(found["faces"]) != len(faces):
        logger.info("xatlas needs more than one texture of %d texels", side)
        return None
    return Unwrapped(
        source=found["source"].astype(np.int32),
        faces=found["faces"].astype(np.int32),
        texels=found["texels"],
    )


def unwrap_fast(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"], side: int
) -> Unwrapped:
    """Charts of our own in a square of `side` texels; faces that overlap others are cut off, three times.

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
