"""Mesh decoder: structured latents to a signed distance around the voxels, and its surface (TRELLIS, 3.1).

    trunk -> two upsample blocks, C -> C/4 -> C/8, at four times the resolution -> Linear

World space is TRELLIS's cube [-0.5, 0.5]^3, z up. What the channels mean: `corner_field`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.latents.trunk import LatentDecoder, LatentDecoderConfig
from models.layers import ModuleList
from models.mesh.corner_field import corner_field, num_channels
from models.mesh.extraction import extract
from models.mesh.mesh import Mesh
from models.mesh.upsampling import UpsampleBlock
from models.sparse import SparseTensor

REFINEMENT = 4  # fine voxels along a voxel
COLOR_AND_NORMAL = 6
HEAD_CHUNK = 2**17  # voxels in fp32 at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshDecoderConfig:
    """The trunk's sizes, and whether vertices get a colour and a normal."""

    trunk: LatentDecoderConfig
    use_color: bool = True


class MeshDecoder(LatentDecoder):
    """Raw features of fine voxels from latents; `to_meshes` extracts the surfaces."""

    def __init__(self, config: MeshDecoderConfig) -> None:
        super().__init__(config.trunk)
        self.config = config
        width = config.trunk.model_channels
        self.upsample = ModuleList([UpsampleBlock(width, width // 4), UpsampleBlock(width // 4, width // 8)])
        self.out_layer = nn.Linear(width // 8, num_channels(COLOR_AND_NORMAL if config.use_color else 0))

    @property
    def resolution(self) -> int:
        """Fine voxels along the cube."""
        return self.config.trunk.resolution * REFINEMENT

    def forward(self, x: SparseTensor) -> SparseTensor:
        h = x.replace(self.trunk(x))
        for block in self.upsample:
            h = block(h)
        return h.replace(self._head(h.feats))

    def _head(self, feats: Tensor) -> Tensor:
        """The last layer, in fp32 and in chunks."""
        out = feats.new_empty(len(feats), self.out_layer.out_features, dtype=torch.float32)
        for start in range(0, len(feats), HEAD_CHUNK):
            rows = slice(start, start + HEAD_CHUNK)
            out[rows] = self.out_layer(feats[rows].float())
        return out

    def to_meshes(self, raw: SparseTensor) -> list[Mesh]:
        """One mesh per object; a mesh may have no faces."""
        counts = raw.grid.counts
        pairs = zip(torch.split(raw.coords[:, 1:], counts), torch.split(raw.feats, counts), strict=True)
        return [extract(corner_field(coords, feats, self.resolution)) for coords, feats in pairs]
