"""An object with fewer splats that looks the same: what views lose least.

    splats -> what each adds to 24 views -> unseen ones go -> groups of neighbours, small where much is seen
           -> a splat a group -> opacities and colours fitted to the same views

The outermost splats stay where they are, since consumers normalise by the box of all centres.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from export.reduction.clusters import clusters
from export.reduction.merging import merge
from models.gaussians.gaussians import Gaussians
from models.stopping import between_steps
from rendering.cameras import Cameras, around
from rendering.renderer import SplatRenderer

NUM_VIEWS, VIEW_SIZE = 24, 192
UNSEEN = 0.02  # of the mean: splats that add less go
MASS_EXPONENT = 0.4  # of what is seen: groups in plain sight are smaller, those of dim corners not huge
COLOR_WEIGHT = 0.15  # of colours beside positions, in objects' sizes
SPREAD = 1.12  # of the merged scales: fewer splats must overlap more to leave no gaps
RATIO_BOUNDS = (0.7, 1.4)  # of one correction of opacities
MIN_OPACITY, MAX_OPACITY = 0.02, 0.999
DAMPING = 0.05  # of the mean share: colours of hardly seen splats stay


def reduce_splats(gaussians: Gaussians, num_splats: int, renderer: SplatRenderer) -> Gaussians:
    """The object with exactly `num_splats` splats; as it is if it has no more.

    Args:
        gaussians: Clean splats around the origin.
        num_splats: Of the result, at least 12.
        renderer: On the splats' device or any other; the result lies on the renderer's.

    Raises:
        ValueError: Too few are wanted.
    """
    if num_splats < 12:
        raise ValueError(f"an object needs at least 12 splats, not {num_splats}")
    if gaussians.num_splats <= num_splats:
        return gaussians
    cameras = around(float(gaussians.means.norm(dim=1).max()), num_views=NUM_VIEWS, size=VIEW_SIZE)
    seen = renderer.weigh(gaussians, cameras, torch.zeros(NUM_VIEWS, VIEW_SIZE, VIEW_SIZE, 3))
    between_steps()
    shares, gaussians = seen.shares, gaussians.to(seen.shares.device)
    rows, groups = _grouped(gaussians, shares, num_splats)
    kept, weights = gaussians.select(rows), shares[rows].clamp_min(1e-6)
    merged = merge(kept, weights, groups, num_splats, spread=SPREAD)
    wanted = torch.zeros_like(merged.opacities).index_add_(0, groups, weights)
    between_steps()
    return _fitted(merged, wanted, cameras, seen.rgb, renderer)


def _grouped(
    gaussians: Gaussians, shares: Float[Tensor, " splats"], count: int
) -> tuple[Int[Tensor, " rows"], Int[Tensor, " rows"]]:
    """The splats that matter, and each one's group; the outermost ones are the first groups, alone."""
    alone = _outermost(gaussians.means)
    free = torch.ones_like(shares, dtype=torch.bool)
    free[alone] = False
    seen = free & (shares > UNSEEN * shares.mean())
    needed = count - len(alone)
    if int(seen.sum()) < needed:
        order = torch.where(free, shares, -1.0).argsort(descending=True, stable=True)[:needed]
        seen = torch.zeros_like(seen).index_fill_(0, order, True)
    (rows,) = seen.nonzero(as_tuple=True)
    size = (gaussians.means.amax(dim=0) - gaussians.means.amin(dim=0)).amax()
    features = torch.cat([gaussians.means[rows] / size, COLOR_WEIGHT * gaussians.colors[rows]], dim=1)
    masses = (1000 * (shares[rows] / shares.mean()).clamp(1e-6, 1e6) ** MASS_EXPONENT).long() + 1
    groups = clusters(features, masses, needed) + len(alone)
    first = torch.arange(len(alone), device=rows.device)
    return torch.cat([alone, rows]), torch.cat([first, groups])


def _outermost(means: Float[Tensor, "splats 3"]) -> Int[Tensor, " outermost"]:
    """Those that touch the box around all centres, at most 6."""
    outermost: Tensor = torch.cat([means.argmin(dim=0), means.argmax(dim=0)]).unique()
    return outermost


def _fitted(
    gaussians: Gaussians,
    wanted: Float[Tensor, " splats"],
    cameras: Cameras,
    target: Float[Tensor, "views height width 3"],
    renderer: SplatRenderer,
) -> Gaussians:
    """Opacities moved towards what each group added to the views; colours by a step of least squares."""
    drawn = renderer.render_float(gaussians, cameras).rgb
    between_steps()
    found = renderer.weigh(gaussians, cameras, target - drawn)
    shares = found.shares
    least = 1e-3 * shares.mean()
    ratio = ((wanted + least) / (shares + least)).clamp(*RATIO_BOUNDS)
    return Gaussians(
        means=gaussians.means,
        scales=gaussians.scales,
        quats_wxyz=gaussians.quats_wxyz,
        opacities=(gaussians.opacities * ratio).clamp(MIN_OPACITY, MAX_OPACITY),
        colors=gaussians.colors + found.sums / (shares + DAMPING * shares.mean())[:, None],
    )
