"""Group normalisation of sparse features, in chunks."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from models.sparse import Segments

CHUNK_ELEMENTS = 2**24  # in fp32 at a time


class ObjectGroupNorm(nn.GroupNorm):
    """Each object's mean and variance over its voxels and a group's channels, in fp32 and cast back.

    A million voxels in fp32 would take more memory than all else, so only chunks of them ever are.
    """

    def forward(  # type: ignore[override]  # rows of several objects instead of a dense batch
        self, x: Float[Tensor, "voxels channels"], objects: Segments, *, activate: bool = False
    ) -> Float[Tensor, "voxels channels"]:
        """The normalised features; their SiLU if `activate`."""
        assert objects.order is None, "a grid's objects are contiguous"
        size, out, end = max(1, CHUNK_ELEMENTS // x.shape[1]), torch.empty_like(x), 0
        for count in objects.counts:
            begin, end = end, end + count
            mean, scale = self._statistics(x[begin:end], size)
            for start in range(begin, end, size):
                rows = slice(start, min(start + size, end))
                y = torch.addcmul(self.bias, x[rows].float() - mean, scale).to(x.dtype)
                out[rows] = F.silu(y) if activate else y
        return out

    def _statistics(self, x: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """Each channel's mean and factor, from those of the chunks (Chan et al. 1979)."""
        chunks = x.split(size)
        parts = [
            torch.var_mean(chunk.float().unflatten(1, (self.num_groups, -1)), dim=(0, 2), correction=0)
            for chunk in chunks
        ]
        share = torch.tensor([len(chunk) / len(x) for chunk in chunks], device=x.device)[:, None]
        means = torch.stack([mean for _, mean in parts])
        mean = (share * means).sum(dim=0)
        variance = (share * (torch.stack([variance for variance, _ in parts]) + (means - mean) ** 2)).sum(
            dim=0
        )
        width = self.num_channels // self.num_groups
        scale = torch.rsqrt(variance + self.eps).repeat_interleave(width) * self.weight
        return mean.repeat_interleave(width), scale
