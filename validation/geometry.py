"""What the gates look at: measured on splats, or on the rows of a PLY (`validation.submission`)."""

from dataclasses import dataclass

import torch

from models.gaussians.cleanup import CleanupSettings, connected_components, occupied_cells
from models.gaussians.gaussians import Gaussians

MIN_PIECE_SHARE = 0.01
FAINT_OPACITY = 1e-3
IDENTITY_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """One object's measures, in any space.

    Attributes:
        num_splats: How many.
        faint_share: Share of opacities below 0.001.
        all_rotations_identity: Whether no splat is turned.
        has_null_rotation: Whether a quaternion has no direction.
        all_finite: Whether every value is a number.
        extent: Largest side of the box of all centres, world units.
        farthest: Largest coordinate of a centre, by its size.
        num_pieces: Parts that do not touch each other; None where nobody counted.
    """

    num_splats: int
    faint_share: float
    all_rotations_identity: bool
    all_finite: bool
    extent: float
    farthest: float
    has_null_rotation: bool = False
    num_pieces: int | None = None


def measure(gaussians: Gaussians, *, count_pieces: bool = False) -> Geometry:
    """Measures splats; counting their pieces takes the longest."""
    fields = (gaussians.means, gaussians.scales, gaussians.quats_wxyz, gaussians.opacities, gaussians.colors)
    count = gaussians.num_splats
    identity = gaussians.quats_wxyz.new_tensor([1.0, 0.0, 0.0, 0.0])
    unturned = ((gaussians.quats_wxyz - identity).abs() <= IDENTITY_TOLERANCE).all()
    faint = int((gaussians.opacities < FAINT_OPACITY).sum())
    low, high = gaussians.means.aminmax(dim=0) if count else (gaussians.means.new_zeros(3),) * 2
    return Geometry(
        num_splats=count,
        faint_share=faint / count if count else 1.0,
        all_rotations_identity=bool(unturned),
        has_null_rotation=bool((gaussians.quats_wxyz == 0).all(dim=1).any()),
        all_finite=all(bool(torch.isfinite(field).all()) for field in fields),
        extent=float((high - low).max()),
        farthest=float(torch.maximum(high, -low).max()),
        num_pieces=num_pieces(gaussians) if count_pieces else None,
    )


def num_pieces(gaussians: Gaussians) -> int:
    """Parts of an object that do not touch each other, at clean-up's resolution; crumbs do not count."""
    cells, cell_of_splat = occupied_cells(gaussians.means, CleanupSettings().cells_per_extent)
    counts = torch.bincount(connected_components(cells)[cell_of_splat])
    return int((counts >= MIN_PIECE_SHARE * gaussians.num_splats).sum())
