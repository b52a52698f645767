"""From decoded splats to a deliverable: prune, rotate, centre, scale.

    decoded [splats] -> valid and visible -> connected to the object -> frame -> box centred, extent 1.5

Consumers normalise by the bounding box of all centres, so a lone stray splat would shrink the object: strays
go first. An extent of 1.5 makes the validator's own normalisation the identity; any other changes opacities.
Runs on the splats' device; the same splats give the same result on each.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.errors import GenerationError
from models.gaussians.frames import Frame, rotate_frame
from models.gaussians.gaussians import Gaussians
from models.gaussians.placement import Placement, placement_of
from models.transfer import to_device_async


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanupSettings:
    """What counts as part of the object.

    Attributes:
        min_opacity: Splats fainter than this go.
        cells_per_extent: Cells of the connectivity grid along the object's longest side. Parts are connected
            where their cells touch, also by a corner: at 32, gaps up to 3 % of the object always are bridged.
        min_component_fraction: An unconnected component with less than this share of all opacity goes.
        extent: Largest side of the bounding box of centres afterwards, world units.
    """

    min_opacity: float = 0.02
    cells_per_extent: int = 32
    min_component_fraction: float = 0.002
    extent: float = 1.5


def clean_up(
    gaussians: Gaussians, *, frame: Frame = "validator", settings: CleanupSettings | None = None
) -> Gaussians:
    """Make decoded splats ready to deliver.

    Args:
        gaussians: Splats in "trellis" space.
        frame: The frame of the result.
        settings: What counts as part of the object.

    Raises:
        GenerationError: When no splat is left, or all lie on one point.
    """
    return clean_up_placed(gaussians, frame=frame, settings=settings)[0]


def clean_up_placed(
    gaussians: Gaussians, *, frame: Frame = "validator", settings: CleanupSettings | None = None
) -> tuple[Gaussians, Placement]:
    """`clean_up`, and where it put the object.

    Raises:
        GenerationError: If no splat is left.
    """
    settings = settings or CleanupSettings()
    visible = gaussians.select(valid_mask(gaussians, settings.min_opacity))
    if visible.num_splats == 0:
        raise GenerationError("no splat is left after clean-up")
    pruned = visible.select(object_mask(visible, settings))
    placement = placement_of(pruned.means, extent=settings.extent)
    return rotate_frame(_placed(pruned, placement), source="trellis", target=frame), placement


def valid_mask(gaussians: Gaussians, min_opacity: float) -> Bool[Tensor, " splats"]:
    """Splats that are finite, not degenerate and not nearly transparent."""
    fields = (gaussians.means, gaussians.scales, gaussians.quats_wxyz, gaussians.colors)
    finite = torch.stack([field.isfinite().all(-1) for field in fields]).all(0)
    solid = (gaussians.scales > 0).all(-1) & (gaussians.quats_wxyz.abs().amax(-1) > 1e-6)
    return finite & solid & gaussians.opacities.isfinite() & (gaussians.opacities >= min_opacity)


def object_mask(gaussians: Gaussians, settings: CleanupSettings) -> Bool[Tensor, " splats"]:
    """Splats in the heaviest connected component, or in another one heavy enough to be a part of its own."""
    cells, cell_of_splat = occupied_cells(gaussians.means, settings.cells_per_extent)
    component_of_cell = connected_components(cells)
    component = component_of_cell[cell_of_splat]
    weights = (gaussians.opacities * 255.0).round().long()  # whole numbers add up alike in any order
    mass = torch.zeros(cells.shape[0], dtype=torch.long, device=cells.device).index_add_(
        0, component, weights
    )
    keep = (mass >= settings.min_component_fraction * mass.sum()) | (mass == mass.max())
    return keep[component]


def occupied_cells(
    means: Float[Tensor, "splats 3"], cells_per_extent: int
) -> tuple[Int[Tensor, "cells 3"], Int[Tensor, " splats"]]:
    """The grid cells that hold centres, in lexicographic order, and each splat's cell.

    The cell size follows from the middle 98 % of the centres on each axis: far strays don't coarsen it.
    """
    sample = means[:: max(1, means.shape[0] // 8192)].sort(dim=0).values
    low, high = sample[sample.shape[0] // 100], sample[-1 - sample.shape[0] // 100]
    size = ((high - low).amax() / cells_per_extent).clamp_min(1e-6)
    index = ((means - low) / size).floor().clamp(-_REACH + 1, _REACH - 2).long()
    keys, cell_of_splat = torch.unique(_key(index), return_inverse=True)
    return _index(keys), cell_of_splat


def connected_components(cells: Int[Tensor, "cells 3"]) -> Int[Tensor, " cells"]:
    """Component of each cell, named by its first cell; cells touch by face, edge or corner.

    A cell's parent is always a cell of its component that comes no later. Where nothing changes any more, all
    paths have length one and both ends of every pair share their parent. The host looks once a round.

    Args:
        cells: Distinct cells in lexicographic order.
    """
    first, second = _touching_pairs(cells)
    parent = torch.arange(cells.shape[0], device=cells.device)
    while True:
        # the smaller of both ends' parents becomes the parent of the larger; then paths are cut short
        near, far = parent[first], parent[second]
        smaller, larger = torch.minimum(near, far), torch.maximum(near, far)
        hooked = parent.scatter_reduce(0, larger, smaller, "amin")
        for _ in range(_JUMPS):
            hooked = hooked[hooked]
        if torch.equal(hooked, parent):
            return parent
        parent = hooked


def _placed(gaussians: Gaussians, placement: Placement) -> Gaussians:
    return Gaussians(
        means=placement.applied(gaussians.means).float(),
        scales=(gaussians.scales.double() * placement.factor).float(),
        quats_wxyz=torch.nn.functional.normalize(gaussians.quats_wxyz.float(), dim=-1),
        opacities=gaussians.opacities.float(),
        colors=gaussians.colors.float(),
    )


_REACH = 1 << 19  # cells on either side of the grid's origin; farther strays share the outermost ones
_SPAN = 2 * _REACH
_JUMPS = 6  # cut a path of 64 cells short: rounds are few, and the host waits for the GPU in each
_HALF_NEIGHBOURHOOD = [
    (dx, dy, dz) for dx in (-1, 0, 1) for dy in (-1, 0, 1) for dz in (-1, 0, 1) if (dx, dy, dz) > (0, 0, 0)
]


def _key(index: Int[Tensor, "n 3"]) -> Int[Tensor, " n"]:
    """One number a cell, ordered like its coordinates."""
    x, y, z = (index + _REACH).unbind(-1)
    return (x * _SPAN + y) * _SPAN + z


def _index(keys: Int[Tensor, " n"]) -> Int[Tensor, "n 3"]:
    coordinates = torch.stack([keys // (_SPAN * _SPAN), keys // _SPAN % _SPAN, keys % _SPAN], dim=-1)
    return coordinates - _REACH


def _touching_pairs(cells: Int[Tensor, "cells 3"]) -> tuple[Int[Tensor, " pairs"], Int[Tensor, " pairs"]]:
    """Both ends of every pair of touching cells."""
    keys = _key(cells)
    offsets = to_device_async(torch.tensor(_HALF_NEIGHBOURHOOD), cells.device)
    wanted = keys + (offsets[:, :1] * _SPAN + offsets[:, 1:2]) * _SPAN + offsets[:, 2:]  # [13, cells]
    place = torch.searchsorted(keys, wanted).clamp_max(keys.shape[0] - 1)
    _, first = found = torch.nonzero(keys[place] == wanted, as_tuple=True)
    return first, place[found]
