"""Signed distance, colour and normal around an oriented point cloud: what a mesh decoder should say.

Points are small discs. The distance to a disc counts the way along its normal n and what the way along its
plane t exceeds its radius by, so that gaps between points do not matter:

    d^2 = n^2 + max(0, t - radius)^2,    weight = exp(-(d^2 - nearest d^2) / (2 softness^2))

A value is the mean over the discs by weight; the signed distance is the mean of n. Behind a thin part's near
side the far side's discs are too far off to vote, so that rods of a fine voxel's radius keep their sign.

A place beyond the rim of a thin sheet lies below both its sides. Those inside have a disc straight above
them, or at least (near a crease) no farther aside than above; all others are outside.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.mesh.decoder import REFINEMENT
from training.voxels import voxel_indices

SIDE = REFINEMENT + 1  # their corners along a voxel
SOFTNESS = 0.5  # in fine voxels
MAX_ASLANT = 1.0  # how far aside of its discs, in its heights below them, a place inside may be
GAP = 0.4  # between discs, in fine voxels
MAX_DISTANCE = 2.0  # in fine voxels
MAX_CANDIDATES = 384  # points looked at a voxel; of more, every so many
CHUNK_ELEMENTS = 2**28


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfacePoints:
    """Surface points of a batch of objects, all equally many, in the cube [-0.5, 0.5]^3.

    Attributes:
        radii: Of the discs around the points.
    """

    positions: Float[Tensor, "batch points 3"]
    normals: Float[Tensor, "batch points 3"]
    radii: Float[Tensor, "batch points"]
    colors: Float[Tensor, "batch points 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceValues:
    """Values at the 5^3 corners of each voxel's fine voxels, x slowest.

    Attributes:
        distance: Signed, negative inside, in fine voxels, at most `MAX_DISTANCE` either way.
        colors: 0 to 1.
        normals: Unit, outward.
    """

    distance: Float[Tensor, "voxels corners"]
    colors: Float[Tensor, "voxels corners 3"]
    normals: Float[Tensor, "voxels corners 3"]


def surface_values(points: SurfacePoints, coords: Int[Tensor, "voxels 4"], resolution: int) -> SurfaceValues:
    """What the surface is like around occupied voxels (b, x, y, z), each of which holds a point or has a
    neighbour that does.

    Places farther than a voxel from any point get wrong values of the right sign, beyond `MAX_DISTANCE`.
    """
    candidates = _candidates(points.positions, coords, resolution)
    step = max(1, CHUNK_ELEMENTS // (SIDE**3 * candidates.shape[1]))
    chunks = [
        _values(points, rows, place, resolution)
        for rows, place in zip(candidates.split(step), coords.split(step), strict=True)
    ]
    distance, colors, normals = torch.cat(chunks).split([1, 3, 3], dim=-1)
    return SurfaceValues(
        distance=distance[..., 0].clamp(-MAX_DISTANCE, MAX_DISTANCE),
        colors=colors,
        normals=torch.nn.functional.normalize(normals, dim=-1),
    )


def _values(points: SurfacePoints, rows: Tensor, coords: Tensor, resolution: int) -> Tensor:
    """Signed distance, colour, normal [voxels, corners, 7]; lengths are in fine voxels, from the centres."""
    scale = resolution * REFINEMENT
    center = (coords[:, 1:].float() + 0.5) / resolution - 0.5
    position = _picked(points.positions, rows).float() - center[:, None]
    position, normal = position * scale, _picked(points.normals, rows)
    radius = _picked(points.radii, rows).float() * scale
    corner = _corners(coords.device)
    # [voxels, corners, candidates]
    along = corner @ normal.mT - (position * normal).sum(-1)[:, None]
    squared = corner.square().sum(-1)[:, None] - 2 * corner @ position.mT + position.square().sum(-1)[:, None]
    across = (squared - along.square()).clamp_min(0).sqrt_().sub_(radius[:, None]).clamp_min_(0)
    badness = (along.square() + across.square()).masked_fill_((rows < 0)[:, None], torch.inf)
    weight = torch.softmax(badness / (-2 * SOFTNESS**2), dim=-1)
    height, aside = ((weight * x).sum(-1, keepdim=True) for x in (along, across))
    beyond_rim = (height < 0) & (aside > GAP - MAX_ASLANT * height)
    distance = torch.where(beyond_rim, aside, height)
    return torch.cat([distance, weight @ _picked(points.colors, rows), weight @ normal], dim=-1)


def _candidates(positions: Tensor, coords: Tensor, resolution: int) -> Int[Tensor, "voxels candidates"]:
    """Points of each voxel and its 26 neighbours, as rows of the flattened batch; -1 fills up."""
    side = resolution + 2  # a border, so that neighbours need no care
    index = voxel_indices(positions, resolution) + 1
    batch = torch.arange(len(positions), device=positions.device)[:, None]
    cell = _cell(batch, index[..., 0], index[..., 1], index[..., 2], side).flatten()
    order = torch.argsort(cell)
    count = torch.bincount(cell, minlength=len(positions) * side**3)
    first = count.cumsum(0) - count
    around = torch.arange(3, device=positions.device)
    around = torch.cartesian_prod(around, around, around)
    b, x, y, z = (column[:, None] for column in coords.long().unbind(1))
    cells = _cell(b, x + around[:, 0], y + around[:, 1], z + around[:, 2], side)  # [voxels, 27]
    ends = count[cells].cumsum(1)
    total = ends[:, -1:]
    width = min(int(total.max()), MAX_CANDIDATES)
    slot = torch.arange(width, device=positions.device).expand(len(coords), -1)
    slot = torch.where(total > width, slot * total // width, slot)
    owner = torch.searchsorted(ends, slot.contiguous(), right=True).clamp(max=26)
    start = first[cells] + count[cells] - ends  # of a neighbour's points, less the slots before them
    rows = order[(start.gather(1, owner) + slot).clamp(0, len(order) - 1)]
    return torch.where(slot < total, rows, -1)


def _cell(b: Tensor, x: Tensor, y: Tensor, z: Tensor, side: int) -> Tensor:
    return ((b * side + x) * side + y) * side + z


def _picked(values: Tensor, rows: Tensor) -> Tensor:
    flat: Tensor = values.flatten(0, 1)
    return flat[rows.clamp_min(0)]


def _corners(device: torch.device) -> Float[Tensor, "corners 3"]:
    axis = torch.arange(SIDE, device=device) - REFINEMENT / 2
    return torch.cartesian_prod(axis, axis, axis)
