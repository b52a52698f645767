"""The surface that an object's splats show, in place of the mesh decoder's.

    splats -> solid field on a grid -> surface net -> smoothed by a hair -> the mesh's space

The decoder draws pits where splats reach over them, and lies a little inside of what they show.
"""

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from export.meshes.splat_density import solid_field
from export.meshes.surface import Surface
from export.meshes.surface_nets import surface_net
from models.gaussians.frames import rotate_frame
from models.gaussians.gaussians import Gaussians
from models.gaussians.placement import Placement
from rendering.jit import kernel

LEVEL = 0.22  # of the density: where outlines agree best with those of the splats
SMOOTHING = (0.5, -0.53)  # Taubin's two steps: noise goes, size stays
ROUNDS = 4


def splat_surface(splats: Gaussians, placement: Placement) -> Surface:
    """A closed grey surface in "trellis" space around splats in "validator" space.

    Args:
        splats: Cleaned.
        placement: Where clean-up put them.
    """
    field = solid_field(rotate_frame(splats, source="validator", target="trellis"), LEVEL)
    places, faces = surface_net(field.values)
    places = smoothed(places, faces)
    beside = places * field.cell + field.origin
    vertices = (beside / placement.factor + np.array(placement.center)).astype(np.float32)
    return Surface(vertices=vertices, faces=faces, colors=np.full_like(vertices, 0.5))


def smoothed(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> Float[np.ndarray, "vertices 3"]:
    """Vertices moved towards and away from the means of their neighbours (Taubin 1995)."""
    for _ in range(ROUNDS):
        for step in SMOOTHING:
            vertices = _relaxed(vertices, faces, step)
    return vertices


@kernel()
def _relaxed(vertices: NDArray[np.float32], faces: NDArray[np.int32], step: float) -> NDArray[np.float32]:
    total, count = np.zeros(vertices.shape), np.zeros(len(vertices))
    for f in range(len(faces)):
        for k in range(3):
            a, b = faces[f, k], faces[f, (k + 1) % 3]
            for axis in range(3):
                total[a, axis] += vertices[b, axis]
            count[a] += 1
    moved = np.empty_like(vertices)
    for v in range(len(vertices)):
        for axis in range(3):
            mean = total[v, axis] / max(count[v], 1)
            moved[v, axis] = vertices[v, axis] + step * (mean - vertices[v, axis])
    return moved
