"""What the validator makes of its four numbers.

alignment below 0.3 ─> 0, else  0.75 quality + 0.2 alignment
                                + 0.025 sigmoid(35 (ssim - 0.83)) + 0.025 lpips sigmoid(30 (lpips - 0.7))
"""

import math
from dataclasses import dataclass

MIN_ALIGNMENT = 0.3
TEXT_SCALE = 0.35  # what a cosine with a prompt is divided by; one with a picture is taken as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The numbers that a total is made of.

    Attributes:
        alignment: Geometric mean of the views' cosines with what was asked for, outliers left out; those with
            a prompt over 0.35.
        quality: Mean over views of the quality head's probability, 0 to 1.
        ssim: Structural similarity of neighbouring views, geometric mean, outliers left out.
        lpips: 1 minus the mean perceptual distance of neighbouring views.
    """

    alignment: float
    quality: float
    ssim: float
    lpips: float

    @property
    def total(self) -> float:
        """The score, about 0 to 1; the subnet takes 0.6 and above."""
        if not self.alignment >= MIN_ALIGNMENT:
            return 0.0
        likeness = _sigmoid(35.0 * (self.ssim - 0.83)) + self.lpips * _sigmoid(30.0 * (self.lpips - 0.7))
        return 0.75 * self.quality + 0.2 * self.alignment + 0.025 * likeness


def _sigmoid(x: float) -> float:
    return 0.5 * (1.0 + math.tanh(0.5 * x))
