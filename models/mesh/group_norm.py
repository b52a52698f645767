"""Group normalisation of sparse features."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.sparse import Segments


class ObjectGroupNorm(nn.GroupNorm):
    """Each object's mean and variance over its voxels and a group's channels, in fp32 and cast back."""

    def forward(  # type: ignore[override]  # rows of several objects instead of a dense batch
        self, x: Float[Tensor, "voxels channels"], objects: Segments
    ) -> Float[Tensor, "voxels channels"]:
        assert objects.order is None, "a grid's objects are contiguous"
        return torch.cat([self._one(rows) for rows in torch.split(x, list(objects.counts))])

    def _one(self, x: Tensor) -> Tensor:
        values = x.float()
        variance, mean = torch.var_mean(values.unflatten(1, (self.num_groups, -1)), dim=(0, 2), correction=0)
        width = self.num_channels // self.num_groups
        scale = torch.rsqrt(variance + self.eps).repeat_interleave(width) * self.weight
        centred = values - mean.repeat_interleave(width)
        return torch.addcmul(self.bias, centred, scale).to(x.dtype)
