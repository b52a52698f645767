"""Networks of one tensor in, one tensor out, by recorded kernels."""

from collections.abc import Callable

from torch import Tensor

from models.fast.graphs import GraphRecorder


def recorded(
    network: Callable[[Tensor], Tensor], recorder: GraphRecorder, group: str
) -> Callable[[Tensor], Tensor]:
    """The network's results by replaying its kernels; each input shape is recorded when it first comes."""

    def call(x: Tensor) -> tuple[Tensor, ...]:
        return (network(x),)

    return lambda x: recorder.run(group, "forward", call, [x])[0]
