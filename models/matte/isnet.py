"""ISNet, dichotomous image segmentation (Qin et al. 2022): a U-net whose stages are residual U-blocks (RSU).

    conv_in /2 -> stage1..6, pools between -> stage5d..1d on concat[upsampled, skip] -> side1..6 -> sigmoid

The matte is side1; the other sides only guide training.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from models.matte.residual_u_block import DilatedResidualUBlock, ResidualUBlock

STAGE_HEIGHTS = (7, 6, 5, 4)  # stages 5 and 6 are dilated instead of pooled


@dataclass(frozen=True, slots=True, kw_only=True)
class IsnetConfig:
    """Widths of each stage, outermost first; the defaults are those of `isnet-general-use`.

    Attributes:
        input_size: Side in pixels that images are resized to.
        stem_width: Channels of `conv_in`.
        widths: Output channels of stage1..6.
        mid_widths: Inner channels of stage1..6.
        decoder_widths: Output channels of stage1d..5d.
        decoder_mid_widths: Inner channels of stage1d..5d.
    """

    input_size: int = 1024
    stem_width: int = 64
    widths: Sequence[int] = (64, 128, 256, 512, 512, 512)
    mid_widths: Sequence[int] = (32, 32, 64, 128, 256, 256)
    decoder_widths: Sequence[int] = (64, 64, 128, 256, 512)
    decoder_mid_widths: Sequence[int] = (16, 32, 64, 128, 256)

    def __post_init__(self) -> None:
        lengths = [
            len(w) for w in (self.widths, self.mid_widths, self.decoder_widths, self.decoder_mid_widths)
        ]
        if lengths != [6, 6, 5, 5]:
            raise ValueError("expected six widths and mid_widths, five decoder_widths and decoder_mid_widths")

    @classmethod
    def published(cls) -> "IsnetConfig":
        """`isnet-general-use`: 44.1 M values, 1024 px."""
        return cls()

    @classmethod
    def narrow(cls, *, width_divisor: int, input_size: int) -> "IsnetConfig":
        """The published shape with all widths divided."""

        def divided(widths: Sequence[int]) -> tuple[int, ...]:
            return tuple(max(1, width // width_divisor) for width in widths)

        full = cls.published()
        return cls(
            input_size=input_size,
            stem_width=full.stem_width // width_divisor,
            widths=divided(full.widths),
            mid_widths=divided(full.mid_widths),
            decoder_widths=divided(full.decoder_widths),
            decoder_mid_widths=divided(full.decoder_mid_widths),
        )


class Isnet(nn.Module):
    """Matte from an image; see the module's figure."""

    def __init__(self, config: IsnetConfig) -> None:
        super().__init__()
        self.config = config
        self.conv_in = nn.Conv2d(3, config.stem_width, 3, stride=2, padding=1)
        for i, (inputs, mid, out) in enumerate(
            zip((config.stem_width, *config.widths), config.mid_widths, config.widths, strict=False)
        ):
            self.add_module(f"stage{i + 1}", _stage(i, inputs, mid, out))
        for i, (skip, mid, out) in enumerate(
            zip(config.widths, config.decoder_mid_widths, config.decoder_widths, strict=False)
        ):
            below = config.decoder_widths[i + 1] if i < 4 else config.widths[5]
            self.add_module(f"stage{i + 1}d", _stage(i, below + skip, mid, out))
        for i, width in enumerate((*config.decoder_widths, config.widths[5])):
            self.add_module(f"side{i + 1}", nn.Conv2d(width, 1, 3, padding=1))

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1 height width"]:
        """The matte, 0 to 1, of images in -0.5 to 0.5."""
        features = self._features(images)[0]
        return torch.sigmoid(_resized(self.get_submodule("side1")(features), images.shape[2:]))

    def side_logits(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> list[Float[Tensor, "batch 1 height width"]]:
        """Logits of all six sides at the image's size, finest first; training supervises each of them."""
        sides = [self.get_submodule(f"side{i + 1}")(h) for i, h in enumerate(self._features(images))]
        return [_resized(side, images.shape[2:]) for side in sides]

    def _features(self, images: Tensor) -> list[Tensor]:
        """Outputs of stage1d..5d and stage6."""
        h = self.get_submodule("stage1")(self.conv_in(images))
        skips = [h]
        for i in range(2, 7):
            h = self.get_submodule(f"stage{i}")(F.max_pool2d(h, 2, stride=2, ceil_mode=True))
            skips.append(h)
        outputs = [skips.pop()]
        for i in range(5, 0, -1):
            skip = skips.pop()
            up = _resized(outputs[-1], skip.shape[2:])
            outputs.append(self.get_submodule(f"stage{i}d")(torch.cat([up, skip], dim=1)))
        return outputs[::-1]


def _stage(index: int, inputs: int, mid: int, out: int) -> nn.Module:
    if index < len(STAGE_HEIGHTS):
        return ResidualUBlock(STAGE_HEIGHTS[index], inputs, mid, out)
    return DilatedResidualUBlock(inputs, mid, out)


def _resized(x: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)
