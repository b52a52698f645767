"""Features on the occupied voxels of a batch of objects."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from models.sparse.grid import VoxelGrid


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseTensor:
    """Features and the grid they live on; several tensors share one grid and with it its neighbour tables.

    Attributes:
        grid: Where the voxels are.
        feats: One feature vector a voxel, in the grid's row order.
    """

    grid: VoxelGrid
    feats: Float[Tensor, "voxels channels"]

    def __post_init__(self) -> None:
        if len(self.feats) != len(self.grid):
            raise ValueError(f"{len(self.feats)} feature rows on {len(self.grid)} voxels")

    @classmethod
    def of(cls, coords: Int[Tensor, "voxels 4"], feats: Float[Tensor, "voxels channels"]) -> "SparseTensor":
        """A tensor on a new grid; see `VoxelGrid` for what coordinates (batch, x, y, z) it takes."""
        return cls(grid=VoxelGrid(coords), feats=feats)

    @property
    def coords(self) -> Int[Tensor, "voxels 4"]:
        """[voxels, 4]: object, x, y, z."""
        return self.grid.coords

    def replace(self, feats: Float[Tensor, "voxels channels"]) -> "SparseTensor":
        """Other features on the same grid."""
        return SparseTensor(grid=self.grid, feats=feats)
