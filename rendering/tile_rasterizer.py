"""Splat renderer for the CPU: gsplat's maths as numba kernels, on a fixed number of threads.

    Gaussians [splats] -> covariances -> for each view: project -> depth order -> tile lists -> blend strips

Deterministic: the same splats give the same bits on any number of threads.

Error against gsplat's torch reference in float64, composited densely (25,000 splats of a real object at 80x80
pixels, values 0 to 1): mean 4e-8, 99 % below 3e-7, largest 1.2e-4; no 8-bit value differs. The largest errors
are contributions that fall on the other side of the 1/255 threshold.

One core spends 95 ms on a view of 200,000 splats at 512x512, 30 ms on one of 80,000 at 160x160. The kernels
compile in 6 s at first use and load in 0.3 s afterwards.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from models.gaussians.gaussians import Gaussians
from rendering import projection_kernels, tile_kernels
from rendering.cameras import Cameras, orbit
from rendering.projection_kernels import TILE
from rendering.views import EPS2D, WHITE, RenderedViews, SplatWeights, one_splat, quantize

Strip = tuple[int, int]  # first and end row of tiles
RunAll = Callable[[Callable[[Strip], None], Iterable[Strip]], Iterable[None]]  # `map`, or a thread pool's

STRIPS_PER_THREAD = 4  # of a lone view, so that threads with easy strips take more of them


class TileRasterizer:
    """A `SplatRenderer` without a GPU."""

    def __init__(self, *, antialiased: bool = False, num_threads: int | None = None) -> None:
        """Choose the mode and the number of threads.

        Args:
            antialiased: Scale opacities down by what the blur adds to small splats.
            num_threads: At most this many views or strips at a time; None takes torch's number.

        Raises:
            ValueError: For fewer than one thread.
        """
        self.antialiased = antialiased
        self.num_threads = torch.get_num_threads() if num_threads is None else num_threads
        if self.num_threads < 1:
            raise ValueError(f"num_threads must be at least 1, not {self.num_threads}")
        self._pool = ThreadPoolExecutor(self.num_threads, thread_name_prefix="rasterizer")

    def warm_up(self) -> None:
        """Compile the kernels (or load them from numba's cache) ahead of the first request."""
        self.render(one_splat(), orbit(1, size=TILE))

    def render(
        self, gaussians: Gaussians, cameras: Cameras, background: Sequence[float] = WHITE
    ) -> UInt8[Tensor, "views height width 3"]:
        """8-bit colour over `background`, on the CPU."""
        return quantize(self.render_float(gaussians, cameras, background).rgb)

    def render_float(
        self, gaussians: Gaussians, cameras: Cameras, background: Sequence[float] = WHITE
    ) -> RenderedViews:
        """Unquantised colour and coverage, on the CPU."""
        splats, backdrop = _SplatArrays(gaussians), np.asarray(background, np.float32)
        rgb = np.empty((cameras.num_views, cameras.height, cameras.width, 3), np.float32)
        alpha = np.empty((cameras.num_views, cameras.height, cameras.width), np.float32)

        def render_view(view: int, run_all: RunAll) -> None:
            seen = self._see(splats, cameras, view)

            def blend(strip: Strip) -> None:
                tile_kernels.blend(
                    seen.rows, seen.starts, seen.entries, backdrop, *strip, rgb[view], alpha[view]
                )

            list(run_all(blend, self._strips(cameras.height)))

        if cameras.num_views >= self.num_threads:
            list(self._pool.map(lambda view: render_view(view, map), range(cameras.num_views)))
        else:
            for view in range(cameras.num_views):
                render_view(view, self._pool.map)
        return RenderedViews(rgb=torch.from_numpy(rgb), alpha=torch.from_numpy(alpha))

    def weigh(
        self, gaussians: Gaussians, cameras: Cameras, pictures: Float[Tensor, "views height width 3"]
    ) -> SplatWeights:
        """The transpose of rendering, on the CPU."""
        splats = _SplatArrays(gaussians)
        shown = np.ascontiguousarray(pictures.detach().to("cpu", torch.float32).numpy())
        rgb = np.empty_like(shown)

        def weigh_view(view: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
            seen = self._see(splats, cameras, view)
            totals = np.zeros((len(seen.rows), 4), np.float32)
            tile_kernels.share_out(seen.rows, seen.starts, seen.entries, shown[view], rgb[view], totals)
            return seen.numbers, totals

        total = np.zeros((gaussians.num_splats, 4), np.float32)
        for numbers, of_view in self._pool.map(weigh_view, range(cameras.num_views)):
            total[numbers] += of_view
        sums, shares = torch.from_numpy(total).split([3, 1], dim=1)
        return SplatWeights(sums=sums, shares=shares[:, 0], rgb=torch.from_numpy(rgb))

    def _see(self, splats: "_SplatArrays", cameras: Cameras, view: int) -> "_SeenSplats":
        """The splats as one camera sees them, sorted into tiles."""
        rows, boxes, keys, numbers = projection_kernels.project(
            splats.means,
            splats.covariances,
            splats.opacities,
            splats.colors,
            cameras.view_matrices[view].double().cpu().numpy(),
            cameras.intrinsics[view].double().cpu().numpy(),
            cameras.width,
            cameras.height,
            EPS2D,
            self.antialiased,
        )
        order = tile_kernels.depth_order(keys)
        starts, entries = tile_kernels.tile_lists(boxes, order, cameras.width, cameras.height)
        return _SeenSplats(rows=rows, numbers=numbers, starts=starts, entries=entries)

    def _strips(self, height: int) -> list[Strip]:
        """The image's rows of tiles, cut into a few strips a thread."""
        num_rows = math.ceil(height / TILE)
        step = max(1, num_rows // (STRIPS_PER_THREAD * self.num_threads))
        return [(start, min(start + step, num_rows)) for start in range(0, num_rows, step)]


class _SplatArrays:
    """The splats as contiguous float32 arrays, with what all views share."""

    def __init__(self, gaussians: Gaussians) -> None:
        self.means = _array(gaussians.means)
        self.opacities = _array(gaussians.opacities)
        self.colors = _array(gaussians.colors)
        self.covariances = projection_kernels.covariances(
            _array(gaussians.scales), _array(gaussians.quats_wxyz)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _SeenSplats:
    """Projected splats, their numbers among all, and the lists of each tile."""

    rows: NDArray[np.float32]
    numbers: NDArray[np.int32]
    starts: NDArray[np.int64]
    entries: NDArray[np.int32]


def _array(values: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(values.detach().to("cpu", torch.float32).numpy())
