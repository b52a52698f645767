"""What all quantised linear layers share.

A layer is made from one floating weight that may be dropped afterwards, so a checkpoint can be quantised
tensor by tensor while it is read. The codes are buffers: nothing here can be trained.
"""

from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn


class QuantizedLinear(nn.Module):
    """y = x W^T + b with W in few bits.

    Attributes:
        in_features: Columns of W.
        out_features: Rows of W.
        bias: In the precision of the inputs, or None; set by whoever loads it.
    """

    bias: nn.Parameter | None

    def __init__(self, weight: Float[Tensor, "out in"]) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.register_parameter("bias", None)

    @property
    def weight(self) -> None:
        """None: code that peeks at a linear layer's weight (T5's does, for its type) must not find codes."""
        return None

    @abstractmethod
    def dequantized(self, dtype: torch.dtype) -> Float[Tensor, "out in"]:
        """The weight that the codes stand for."""

    @abstractmethod
    def forward(self, x: Float[Tensor, "*rows in"]) -> Float[Tensor, "*rows out"]: ...

    @property
    def num_bytes(self) -> int:
        """What the layer holds in memory."""
        tensors = [*self.buffers(), *self.parameters()]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"
