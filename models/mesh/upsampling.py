"""The mesh decoder's upsample block.

    a = SiLU(GN(x));  h = conv(subdivide(a));  h = conv(SiLU(GN(h)));  out = h + subdivide(skip(x))

The skip connection is pointwise, so it runs before its subdivision, on an eighth of the rows.
"""

import math

from jaxtyping import Float
from torch import Tensor, nn

from models.mesh.group_norm import ObjectGroupNorm
from models.mesh.subdivided_convolution import sibling_convolution, upsampling_convolution
from models.sparse import SparseTensor, SubmanifoldConvolution

NUM_GROUPS = 32


class UpsampleBlock(nn.Module):
    """Doubles the resolution. Numbers in names are the published ones, activations count.

    Widths that 32 does not divide, which no published model has, are normalised in fewer groups.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        norm_in = ObjectGroupNorm(math.gcd(NUM_GROUPS, in_channels), in_channels)
        norm_out = ObjectGroupNorm(math.gcd(NUM_GROUPS, out_channels), out_channels)
        conv_in = SubmanifoldConvolution(in_channels, out_channels)
        conv_out = SubmanifoldConvolution(out_channels, out_channels)
        self.act_layers = nn.ModuleDict({"0": norm_in})
        self.out_layers = nn.ModuleDict({"0": conv_in, "1": norm_out, "3": conv_out})
        self.skip_connection = SubmanifoldConvolution(in_channels, out_channels, kernel_size=1)

    def forward(self, x: SparseTensor) -> SparseTensor:
        coarse, fine = x.grid, x.grid.subdivided
        h = self.act_layers["0"](x.feats, coarse.objects, activate=True)
        h = upsampling_convolution(h, coarse, *_tensors(self.out_layers["0"]))
        h = self.out_layers["1"](h, fine.objects, activate=True)
        h = sibling_convolution(h, coarse, *_tensors(self.out_layers["3"]))
        h = (h.unflatten(0, (-1, 8)) + self.skip(x)[:, None]).flatten(0, 1)
        return SparseTensor(grid=fine, feats=h)

    def skip(self, x: SparseTensor) -> Float[Tensor, "voxels out"]:
        """The skip connection, at the resolution of the input."""
        out: SparseTensor = self.skip_connection(x)
        return out.feats


def _tensors(convolution: nn.Module) -> tuple[Tensor, Tensor]:
    assert isinstance(convolution, SubmanifoldConvolution)
    return convolution.conv.weight, convolution.conv.bias
