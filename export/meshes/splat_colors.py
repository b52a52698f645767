"""Colours of a mesh from pictures of the splats beside it: what somebody who looks at the splats sees there.

    splats -> pictures from all around, on black -> at every point of the mesh, those that show it
           -> weighted least squares -> points that no picture shows: as the nearest shown ones -> decoder

A picture's sample s at a point is colour times coverage a. The point's colour c minimises the sum over the
pictures of weight * a * |c - s / a|^2, so it is the sum of weight * s over the sum of weight * a.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from numpy.typing import NDArray

from export.meshes.axes import turned
from export.meshes.color_lookup import color_lookup, lookup_of_points
from export.meshes.gathering import gather
from export.meshes.surface import Surface
from models.gaussians.gaussians import Gaussians
from models.gaussians.placement import Placement
from models.stopping import between_steps
from rendering.cameras import Cameras, around
from rendering.mesh_rasterizer import camera_arrays, see_mesh
from rendering.renderer import SplatRenderer
from rendering.views import quantize

NUM_VIEWS = 24
VIEWS_AT_ONCE = 8
MIN_COVERAGE = 0.02  # in all pictures of a point together, weighted; below, it counts as never shown
BLACK = (0.0, 0.0, 0.0)


def picture_size(texture: int | None) -> int:
    """Side of pictures that a texture of so many texels can use; None stands for colours at the vertices.

    An atlas is half empty and shows all sides of the object, so the object is a third as wide in it.
    """
    return 512 if texture is None else min(max(256, texture * 3 // 8), 1024)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplatPictures:
    """An object's splats, and how they are pictured.

    Attributes:
        splats: Cleaned, in "validator" space.
        placement: Where clean-up put them; the mesh lies where they lay before.
        renderer: Draws them.
        num_threads: Of the work on the CPU.
        size: Side of a picture in pixels.
        num_views: How many there are, spread evenly over all directions.
    """

    splats: Gaussians
    placement: Placement
    renderer: SplatRenderer
    num_threads: int = 1
    size: int = 384
    num_views: int = NUM_VIEWS

    def beside(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "points 3"]:
        """Points of the mesh, which is in "trellis" space, in the splats' space."""
        return turned(self.placement.applied(torch.from_numpy(points)).numpy())

    def cameras(self, corners: Float[np.ndarray, "vertices 3"]) -> Cameras:
        """Around a ball that holds the mesh and the splats' centres, and fills the pictures."""
        radius = max(float(self.splats.means.norm(dim=1).max()), float(np.linalg.norm(corners, axis=1).max()))
        return around(radius, num_views=self.num_views, size=self.size)

    def taken(self, cameras: Cameras) -> UInt8[np.ndarray, "views height width 4"]:
        """Colour times coverage, and coverage, in 8 bits: a quarter of what would leave a GPU otherwise."""
        parts = []
        for batch in cameras.batches(VIEWS_AT_ONCE):
            between_steps()
            views = self.renderer.render_float(self.splats, batch, BLACK)
            parts.append(quantize(torch.cat([views.rgb, views.alpha[..., None]], dim=-1)).cpu())
        return torch.cat(parts).numpy()


@dataclass(frozen=True, slots=True, kw_only=True)
class SplatColors:
    """Colours at the points of one mesh.

    Attributes:
        pictures: Of the splats.
        vertices, faces: The mesh, which hides parts of itself; in "trellis" space.
        decoded: The surface with the decoder's colours, for where no picture shows anything near.
    """

    pictures: SplatPictures
    vertices: Float[np.ndarray, "vertices 3"]
    faces: Int[np.ndarray, "faces 3"]
    decoded: Surface

    def colors_at(
        self, points: Float[np.ndarray, "points 3"], normals: Float[np.ndarray, "points 3"]
    ) -> Float[np.ndarray, "points 3"]:
        """sRGB, 0 to 1, at points of the mesh with unit normals, both in "trellis" space."""
        totals = self._totals(points, normals)
        shown = totals[:, 3] >= MIN_COVERAGE * 255
        colors: NDArray[np.float32] = totals[:, :3] / np.maximum(totals[:, 3:], np.float32(1e-6))
        if not shown.all():
            colors[~shown] = self._hidden_colors(points, normals, colors, shown)
        return colors

    def _totals(
        self, points: Float[np.ndarray, "points 3"], normals: Float[np.ndarray, "points 3"]
    ) -> Float[np.ndarray, "points 4"]:
        """Weighted sums over the pictures, 0 to 255 for each: colour times coverage, coverage."""
        corners = self.pictures.beside(self.vertices)
        cameras = self.pictures.cameras(corners)
        threads = self.pictures.num_threads
        seen = see_mesh(corners, self.faces, cameras, num_threads=threads)
        places = self.pictures.beside(points).astype(np.float32)
        directions = np.ascontiguousarray(turned(normals), np.float32)
        views = list(zip(camera_arrays(cameras), seen, self.pictures.taken(cameras), strict=True))
        totals = np.zeros((len(points), 4), np.float32)

        def add(part: slice) -> None:
            for camera, mesh, picture in views:
                gather(places[part], directions[part], *camera, picture, mesh.inverse_depth, totals[part])

        with ThreadPoolExecutor(threads, thread_name_prefix="bake") as pool:
            list(pool.map(add, _parts(len(points), threads)))
        return totals

    def _hidden_colors(
        self,
        points: Float[np.ndarray, "points 3"],
        normals: Float[np.ndarray, "points 3"],
        colors: Float[np.ndarray, "points 3"],
        shown: Bool[np.ndarray, " points"],
    ) -> Float[np.ndarray, "hidden 3"]:
        hidden, directions = points[~shown], normals[~shown]
        found = np.full(hidden.shape, np.nan, np.float32)
        if shown.any():
            nearby = lookup_of_points(points[shown], normals[shown], colors[shown])
            found = nearby.colors_at(hidden, directions, otherwise=found)
        far = np.isnan(found[:, 0])
        if far.any():
            found[far] = color_lookup(self.decoded).colors_at(hidden[far], directions[far])
        return found


def _parts(count: int, num_parts: int) -> list[slice]:
    bounds = np.linspace(0, count, num_parts + 1).astype(int).tolist()
    return [slice(first, end) for first, end in pairwise(bounds)]
