"""Keeping networks on the GPU only while they work.

The weights rest in pinned host memory and are copied to the GPU for the length of a `with` block. They are
frozen, so nothing is copied back. The GPU's memory goes back to torch's allocator, where the next network
finds it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from models.sampling import SamplerSettings, VelocityField
from models.sparse import VoxelGrid
from models.trellis.networks import Condition, LatentFieldOn, Networks


class HostResident:
    """Networks whose weights rest in host memory."""

    def __init__(self, modules: Sequence[nn.Module], device: torch.device) -> None:
        """Moves the weights of `modules` to the host; without a GPU to leave they stay where they are."""
        self._device = device
        self._resting: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {}
        if device.type != "cuda":
            return
        for module in modules:
            tensors = [*module.parameters(), *module.buffers()]
            self._resting[module] = [(tensor, tensor.data.cpu().pin_memory()) for tensor in tensors]
            self._rest(module)

    @contextmanager
    def on_device(self, module: nn.Module) -> Iterator[None]:
        """The module's weights are on the device inside the block."""
        for tensor, host in self._resting.get(module, []):
            tensor.data = host.to(self._device, non_blocking=True)
        try:
            yield
        finally:
            self._rest(module)

    def _rest(self, module: nn.Module) -> None:
        for tensor, host in self._resting.get(module, []):
            tensor.data = host


def with_resting_flows(networks: Networks) -> Networks:
    """Networks whose flows are on the device only while they sample; their objects are made one by one.

    Raises:
        ValueError: They have recorded kernels, which need their parameters to stay where they are.
    """
    if networks.recorded_voxels:
        raise ValueError("flows that rest in host memory have no recorded kernels")
    modules = networks.modules
    flows = HostResident([modules.structure_flow, modules.latent_flow], networks.device)

    @contextmanager
    def structure(cond: Condition, settings: SamplerSettings) -> Iterator[VelocityField]:
        with flows.on_device(modules.structure_flow), networks.structure_field(cond, settings) as field:
            yield field

    def latent_field(cond: Condition, settings: SamplerSettings) -> LatentFieldOn:
        @contextmanager
        def on(grid: VoxelGrid) -> Iterator[VelocityField]:
            with flows.on_device(modules.latent_flow), networks.latent_field(cond, settings)(grid) as field:
                yield field

        return on

    return replace(networks, structure_field=structure, latent_field=latent_field, one_by_one=True)
