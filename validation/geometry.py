"""The subnet validator's gates on the splats themselves."""

from dataclasses import dataclass

import torch

from models.gaussians.cleanup import CleanupSettings, connected_components, occupied_cells
from models.gaussians.gaussians import Gaussians

MIN_PIECE_SHARE = 0.01
FAINT_OPACITY = 1e-3
MAX_FAINT_SHARE = 0.8
IDENTITY_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """What the gates look at.

    Attributes:
        num_splats: How many.
        faint_share: Share of opacities below 0.001.
        all_rotations_identity: Whether no splat is turned.
        all_finite: Whether every value is a number.
        num_pieces: Parts that do not touch each other; None where nobody counted.
    """

    num_splats: int
    faint_share: float
    all_rotations_identity: bool
    all_finite: bool
    num_pieces: int | None = None


def measure(gaussians: Gaussians, *, count_pieces: bool = False) -> Geometry:
    """Measures one object in any space; counting its pieces takes the longest."""
    fields = (gaussians.means, gaussians.scales, gaussians.quats_wxyz, gaussians.opacities, gaussians.colors)
    count = gaussians.num_splats
    identity = gaussians.quats_wxyz.new_tensor([1.0, 0.0, 0.0, 0.0])
    unturned = ((gaussians.quats_wxyz - identity).abs() <= IDENTITY_TOLERANCE).all()
    faint = int((gaussians.opacities < FAINT_OPACITY).sum())
    return Geometry(
        num_splats=count,
        faint_share=faint / count if count else 1.0,
        all_rotations_identity=bool(unturned),
        all_finite=all(bool(torch.isfinite(field).all()) for field in fields),
        num_pieces=num_pieces(gaussians) if count_pieces else None,
    )


def num_pieces(gaussians: Gaussians) -> int:
    """Parts of an object that do not touch each other, at clean-up's resolution; crumbs do not count."""
    cells, cell_of_splat = occupied_cells(gaussians.means, CleanupSettings().cells_per_extent)
    counts = torch.bincount(connected_components(cells)[cell_of_splat])
    return int((counts >= MIN_PIECE_SHARE * gaussians.num_splats).sum())


def failed_gate(geometry: Geometry, *, min_splats: int) -> str | None:
    """Why the validator would reject the splats unseen, or None."""
    if geometry.num_splats < min_splats:
        return f"{geometry.num_splats} splats, at least {min_splats} are wanted"
    if not geometry.all_finite:
        return "a splat has a value that is not finite"
    if geometry.faint_share > MAX_FAINT_SHARE:
        return f"{geometry.faint_share:.0%} of the splats are transparent"
    if geometry.all_rotations_identity:
        return "no splat is rotated"
    return None
