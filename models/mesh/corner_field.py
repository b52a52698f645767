"""From what the decoder says of each voxel to a field on the grid's vertices.

A voxel of the finest grid of R^3 cubes carries, in this order:

    signed distance at 8 corners | deformation 8 x 3 | weights 21 | attributes 8 x n (n = 6 or 0)

Neighbours disagree about the corners they share: a vertex takes the plain mean over the voxels that touch it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.mesh.cube_tables import CORNERS

NUM_WEIGHTS = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class CornerField:
    """A signed distance (negative inside), known around some cubes of a grid of `resolution`^3.

    Vertices that are not listed are outside, at distance 1, with all else 0; so are the weights of cubes that
    are not listed.

    Attributes:
        vertex_keys: Vertices in ascending order, as (x * (R + 1) + y) * (R + 1) + z.
        sdf: Signed distance.
        deformation: Raw displacement of the vertex.
        attributes: Raw attributes.
        cube_keys: Cubes with weights, as (x * R + y) * R + z, in any order.
        weights: Raw weights: 12 of the edges, 8 of the corners, 1 of the diagonals.
    """

    resolution: int
    vertex_keys: Int[Tensor, " vertices"]
    sdf: Float[Tensor, " vertices"]
    deformation: Float[Tensor, "vertices 3"]
    attributes: Float[Tensor, "vertices attributes"]
    cube_keys: Int[Tensor, " cubes"]
    weights: Float[Tensor, "cubes 21"]


def num_channels(num_attributes: int) -> int:
    """Values a voxel carries."""
    return NUM_WEIGHTS + len(CORNERS) * (4 + num_attributes)


def corner_field(
    coords: Int[Tensor, "voxels 3"], feats: Float[Tensor, "voxels channels"], resolution: int
) -> CornerField:
    """The field of one object's voxels, none of them twice.

    The signed distance is shifted by -1 / resolution first, so that an undecided decoder makes solid voxels.
    """
    coords = coords.long()
    num_attributes = (feats.shape[1] - num_channels(0)) // len(CORNERS)
    sdf, deformation, weights, attributes = torch.split(
        feats, [8, 24, NUM_WEIGHTS, 8 * num_attributes], dim=1
    )
    parts = [(sdf - 1 / resolution)[:, :, None], deformation.unflatten(1, (8, 3))]
    parts.append(attributes.unflatten(1, (8, num_attributes)))
    keys, means = _vertex_means(grid_keys(coords, resolution + 1), parts, resolution + 1)
    return CornerField(
        resolution=resolution,
        vertex_keys=keys,
        sdf=means[:, 0],
        deformation=means[:, 1:4],
        attributes=means[:, 4:],
        cube_keys=grid_keys(coords, resolution),
        weights=weights,
    )


def grid_keys(coords: Int[Tensor, "*batch 3"], side: int) -> Int[Tensor, "*batch"]:
    """One number per (x, y, z) row of a grid, in lexicographic order."""
    x, y, z = coords.long().unbind(dim=-1)
    return (x * side + y) * side + z


def grid_coords(keys: Int[Tensor, "*batch"], side: int) -> Int[Tensor, "*batch 3"]:
    """Undoes `grid_keys`."""
    return torch.stack([keys // (side * side), keys // side % side, keys % side], dim=-1)


def corner_offsets(side: int, device: torch.device) -> Int[Tensor, " 8"]:
    """What to add to a cube's lowest vertex's key to get its corners' keys."""
    return grid_keys(torch.tensor(CORNERS, device=device), side)


def marked_keys(count: int, keys: Iterable[Int[Tensor, " _some"]], device: torch.device) -> Tensor:
    """All keys below `count` that occur, ascending; a byte for each possible one, where sorting takes 32."""
    marks = torch.zeros(count, dtype=torch.bool, device=device)
    for some in keys:
        marks.index_fill_(0, some, True)
    return marks.nonzero()[:, 0]


def _vertex_means(lowest: Tensor, parts: Sequence[Tensor], side: int) -> tuple[Tensor, Tensor]:
    """Touched vertices and the means of `parts` [voxels, 8, values], side by side, there.

    Corner by corner, because a vertex is a given corner of at most one voxel: nothing is added atomically,
    and no second copy of all corners is needed.
    """
    offsets = corner_offsets(side, lowest.device).unbind()
    keys = marked_keys(side**3, (lowest + offset for offset in offsets), lowest.device)
    row = torch.empty(side**3, dtype=torch.int32, device=lowest.device)
    row[keys] = torch.arange(len(keys), dtype=torch.int32, device=lowest.device)
    total = parts[0].new_zeros(len(keys), sum(part.shape[2] for part in parts))
    count = parts[0].new_zeros(len(keys), 1)
    ones = count.new_ones(1).expand(len(lowest), 1)
    for corner, offset in enumerate(offsets):
        vertex = row[lowest + offset]
        total.index_add_(0, vertex, torch.cat([part[:, corner] for part in parts], dim=1))
        count.index_add_(0, vertex, ones)
    return keys, total / count
