"""Fewer faces by collapsing edges where it hurts least (Garland and Heckbert 1997, fast-simplification)."""

import fast_simplification
import numpy as np
from jaxtyping import Float, Int

from export.meshes.surface import Surface

AGGRESSIVENESS = 5.0  # the library's own 7 gives more slivers and is no faster here


def simplify(
    surface: Surface, num_faces: int
) -> tuple[Float[np.ndarray, "vertices 3"], Int[np.ndarray, "faces 3"]]:
    """Positions and faces of a mesh with about `num_faces` faces; with no more than that, as it is."""
    if surface.num_faces <= num_faces:
        return surface.vertices, surface.faces
    vertices, faces = fast_simplification.simplify(
        surface.vertices, surface.faces, target_count=num_faces, agg=AGGRESSIVENESS
    )
    vertices, faces = vertices.astype(np.float32), faces.astype(np.int32)
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    used = np.zeros(len(vertices), bool)
    used[faces] = True
    row = (np.cumsum(used) - 1).astype(np.int32)
    return vertices[used], row[faces]
