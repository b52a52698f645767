"""One object's structured latents, kept for a further decoder."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.sparse import SparseTensor, VoxelGrid


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectLatents:
    """Occupied voxels (x, y, z) and their latents, in the decoders' scale."""

    coords: Int[Tensor, "voxels 3"]
    feats: Float[Tensor, "voxels channels"]

    def as_batch(self, device: torch.device) -> SparseTensor:
        """A batch of this object alone."""
        coords = torch.nn.functional.pad(self.coords.int().to(device), (1, 0))
        return SparseTensor(grid=VoxelGrid(coords), feats=self.feats.to(device))


def separated(latents: SparseTensor) -> list[ObjectLatents]:
    """The objects of a batch."""
    counts = list(latents.grid.counts)
    pairs = zip(torch.split(latents.coords[:, 1:], counts), torch.split(latents.feats, counts), strict=True)
    return [ObjectLatents(coords=coords, feats=feats) for coords, feats in pairs]
