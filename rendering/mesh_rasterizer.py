"""Triangle meshes on the CPU, seen from the same cameras as splats: depths, and pictures in flat light.

For baking (which point is seen from where) and for comparing a mesh with its splats; a video shows splats.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8
from numpy.typing import NDArray

from rendering.cameras import Cameras
from rendering.mesh_kernels import NOTHING, interpolate, nearest, project

WHITE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenMesh:
    """What of a mesh one camera sees at its pixels' centres.

    Attributes:
        projected: Of every vertex x and y in pixels, and 1 / z.
        faces: The mesh's.
        inverse_depth: 1 / z in camera space; 0 where there is nothing.
        face: Number of the nearest face, `NOTHING` where there is none.
    """

    projected: Float[np.ndarray, "vertices 3"]
    faces: Int[np.ndarray, "faces 3"]
    inverse_depth: Float[np.ndarray, "height width"]
    face: Int[np.ndarray, "height width"]

    def values(
        self, of_vertices: Float[np.ndarray, "vertices n"], missing: float = 0.0
    ) -> NDArray[np.float32]:
        """Values of the vertices at each pixel."""
        found: NDArray[np.float32] = interpolate(
            self.projected, self.faces, self.face, np.ascontiguousarray(of_vertices, np.float32), missing
        )
        return found


def see_mesh(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    cameras: Cameras,
    *,
    num_threads: int = 1,
) -> list[SeenMesh]:
    """The mesh from every camera; all of it must lie before all of them.

    Args:
        vertices: In the cameras' world.
        faces: Both of their sides are seen.
        cameras: Any number of them.
        num_threads: Views drawn at once.
    """
    points, triangles = np.ascontiguousarray(vertices, np.float64), np.ascontiguousarray(faces, np.int32)

    def see(view: tuple[NDArray[np.float64], NDArray[np.float64]]) -> SeenMesh:
        projected = project(points, *view)
        assert len(points) == 0 or projected[:, 2].min() > 0, "a vertex lies behind the camera"
        inverse_depth = np.zeros((cameras.height, cameras.width), np.float32)
        face = np.full((cameras.height, cameras.width), NOTHING, np.int32)
        nearest(projected, triangles, inverse_depth, face)
        return SeenMesh(projected=projected, faces=triangles, inverse_depth=inverse_depth, face=face)

    with ThreadPoolExecutor(num_threads, thread_name_prefix="mesh") as pool:
        return list(pool.map(see, camera_arrays(cameras)))


def camera_arrays(cameras: Cameras) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """View matrix and intrinsics of each camera, in double precision on the CPU."""
    views = cameras.view_matrices.double().cpu().numpy()
    return zip(views, cameras.intrinsics.double().cpu().numpy(), strict=True)


def painted(seen: SeenMesh, colors: Float[np.ndarray, "vertices 3"]) -> Float[np.ndarray, "height width 3"]:
    """The mesh in the colours of its vertices, on white."""
    return seen.values(colors, missing=WHITE)


def textured(
    seen: SeenMesh, uvs: Float[np.ndarray, "vertices 2"], texture: UInt8[np.ndarray, "side side 3"]
) -> Float[np.ndarray, "height width 3"]:
    """The mesh in the colours of its texture, filtered bilinearly, on white; (0, 0) is its top left."""
    size = np.array(texture.shape[1::-1])
    place = seen.values(uvs) * size - 0.5
    low = np.floor(place).astype(np.int64)
    x, y = (place - low).transpose(2, 0, 1)[..., None]
    (x0, y0), (x1, y1) = (np.clip(low + step, 0, size - 1).transpose(2, 0, 1) for step in (0, 1))
    top = texture[y0, x0] * (1 - x) + texture[y0, x1] * x
    bottom = texture[y1, x0] * (1 - x) + texture[y1, x1] * x
    picture: NDArray[np.float32] = ((top * (1 - y) + bottom * y) / 255.0).astype(np.float32)
    picture[seen.face == NOTHING] = WHITE
    return picture
