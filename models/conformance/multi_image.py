"""Several images of one object, as recordings were made with them; the service takes one."""

from collections.abc import Sequence
from enum import Enum

import torch
from torch import Tensor

from models.sampling import VelocityField


class MultiImage(Enum):
    """How several images of one object condition its sampling, without training for it."""

    STOCHASTIC = "stochastic"  # step k uses image k mod n
    MULTIDIFFUSION = "multidiffusion"  # every step uses the mean of the images' velocities


class MultiImageField:
    """A flow under the conditions of several images; the state is that of each image's own field."""

    def __init__(self, images: Sequence[VelocityField], mode: MultiImage) -> None:
        """Takes a field per image."""
        self._images = images
        self._mode = mode

    def conditional(self, x: Tensor, step: int) -> Tensor:
        """The velocity under one of the pictures."""
        return torch.stack([field.conditional(x, step) for field in self._of(step)]).mean(dim=0)

    def guided(self, x: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Velocities under one of the pictures, and under none."""
        first, *others = self._of(step)
        conditional, unconditional = first.guided(x, step)
        velocities = [conditional, *(field.conditional(x, step) for field in others)]
        return torch.stack(velocities).mean(dim=0), unconditional

    def _of(self, step: int) -> Sequence[VelocityField]:
        if self._mode is MultiImage.STOCHASTIC:
            return [self._images[step % len(self._images)]]
        return self._images
