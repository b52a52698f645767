"""Residual U-blocks (Qin et al. 2020): a convolution, a small U-net on its output, and their sum."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class ConvNormRelu(nn.Module):
    """3x3 convolution, batch norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv_s1 = nn.Conv2d(in_channels, out_channels, 3, padding=dilation, dilation=dilation)
        self.bn_s1 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Float[Tensor, "batch in height width"]) -> Float[Tensor, "batch out height width"]:
        return F.relu(self.bn_s1(self.conv_s1(x)))


class ResidualUBlock(nn.Module):
    """RSU of a given height: the U-net has height - 2 poolings, and a dilated convolution at its bottom."""

    def __init__(self, height: int, in_channels: int, mid_channels: int, out_channels: int) -> None:
        super().__init__()
        self.height = height
        self.rebnconvin = ConvNormRelu(in_channels, out_channels)
        for i in range(1, height):
            self.add_module(
                f"rebnconv{i}", ConvNormRelu(out_channels if i == 1 else mid_channels, mid_channels)
            )
        self.add_module(f"rebnconv{height}", ConvNormRelu(mid_channels, mid_channels, dilation=2))
        for i in range(height - 1, 0, -1):
            self.add_module(
                f"rebnconv{i}d", ConvNormRelu(2 * mid_channels, out_channels if i == 1 else mid_channels)
            )

    def forward(self, x: Float[Tensor, "batch in height width"]) -> Float[Tensor, "batch out height width"]:
        x = self.rebnconvin(x)
        skips = [self.get_submodule("rebnconv1")(x)]
        for i in range(2, self.height):
            pooled = F.max_pool2d(skips[-1], 2, stride=2, ceil_mode=True)
            skips.append(self.get_submodule(f"rebnconv{i}")(pooled))
        h = self.get_submodule(f"rebnconv{self.height}")(skips[-1])
        for i in range(self.height - 1, 0, -1):
            skip = skips.pop()
            if h.shape[2:] != skip.shape[2:]:
                h = F.interpolate(h, size=skip.shape[2:], mode="bilinear", align_corners=False)
            h = self.get_submodule(f"rebnconv{i}d")(torch.cat([h, skip], dim=1))
        out: Tensor = h + x
        return out


class DilatedResidualUBlock(nn.Module):
    """RSU-4F: dilations 1, 2, 4, 8 take the place of pooling."""

    def __init__(self, in_channels: int, mid_channels: int, out_channels: int) -> None:
        super().__init__()
        self.rebnconvin = ConvNormRelu(in_channels, out_channels)
        self.rebnconv1 = ConvNormRelu(out_channels, mid_channels)
        self.rebnconv2 = ConvNormRelu(mid_channels, mid_channels, dilation=2)
        self.rebnconv3 = ConvNormRelu(mid_channels, mid_channels, dilation=4)
        self.rebnconv4 = ConvNormRelu(mid_channels, mid_channels, dilation=8)
        self.rebnconv3d = ConvNormRelu(2 * mid_channels, mid_channels, dilation=4)
        self.rebnconv2d = ConvNormRelu(2 * mid_channels, mid_channels, dilation=2)
        self.rebnconv1d = ConvNormRelu(2 * mid_channels, out_channels)

    def forward(self, x: Float[Tensor, "batch in height width"]) -> Float[Tensor, "batch out height width"]:
        x = self.rebnconvin(x)
        h1 = self.rebnconv1(x)
        h2 = self.rebnconv2(h1)
        h3 = self.rebnconv3(h2)
        h = self.rebnconv4(h3)
        h = self.rebnconv3d(torch.cat([h, h3], dim=1))
        h = self.rebnconv2d(torch.cat([h, h2], dim=1))
        h = self.rebnconv1d(torch.cat([h, h1], dim=1))
        out: Tensor = h + x
        return out
