"""Background removal by recorded kernels."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from models.fast.graphs import GraphRecorder
from models.fast.recorded import recorded
from models.matte.networks import MatteNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedMatteNetwork:
    """A `MatteNetwork` by recorded kernels; make one with `recorded_matte`.

    Images go one by one: a single one nearly fills the GPU, and only one size has to be recorded.
    """

    input_size: int
    device: torch.device
    replayed: Callable[[Tensor], Tensor]

    def __call__(
        self, pixels: Float[Tensor, "batch 3 size size"]
    ) -> Float[Tensor, "batch 1 matte_size matte_size"]:
        """See `MatteNetwork`."""
        return torch.cat([self.replayed(image) for image in pixels.split(1)])


def recorded_matte(network: MatteNetwork, recorder: GraphRecorder) -> RecordedMatteNetwork:
    """The network's mattes by replaying its kernels."""
    return RecordedMatteNetwork(
        input_size=network.input_size,
        device=network.device,
        replayed=recorded(network, recorder, "matting"),
    )
