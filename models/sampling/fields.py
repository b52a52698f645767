"""Flow models bound to their conditions and times, as samplers see them.

Whatever depends on the time alone (modulations) or on the condition alone (keys and values) is computed once
here, and for a latent flow can be before the grid is known.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from models.fast.trellis.padding import pad
from models.latents import LatentFlow
from models.sampling.schedule import TIME_SCALE, SamplerSettings, schedule
from models.sparse import SparseTensor, VoxelGrid
from models.structure import StructureFlow

Condition = Float[Tensor, "objects condition cond_channels"]


class VelocityField(Protocol):
    """Velocities at the steps of one schedule, under one of `num_images` conditions."""

    @property
    def num_images(self) -> int: ...

    def conditional(self, x: Float[Tensor, "*state"], step: int, image: int) -> Float[Tensor, "*state"]: ...

    def guided(
        self, x: Float[Tensor, "*state"], step: int, image: int
    ) -> tuple[Float[Tensor, "*state"], Float[Tensor, "*state"]]:
        """The conditional and the unconditional velocity."""
        ...


class StructureField:
    """A structure flow under a condition per image; the state is [objects, channels, R, R, R]."""

    def __init__(self, flow: StructureFlow, images: Sequence[Condition], settings: SamplerSettings) -> None:
        self._flow = flow
        self._modulations = _modulations(flow, settings, images[0].device)
        self._contexts = [flow.contexts(cond) for cond in images]

    @property
    def num_images(self) -> int:
        return len(self._contexts)

    def conditional(self, x: Tensor, step: int, image: int) -> Tensor:
        return self._flow.run_velocity(self._flow, x, _at(self._modulations, step), self._contexts[image])

    def guided(self, x: Tensor, step: int, image: int) -> tuple[Tensor, Tensor]:
        conditional, unconditional = self.conditional(torch.cat([x, x]), step, image).chunk(2)
        return conditional, unconditional


class GridlessField:
    """What a latent flow makes of a condition per image and of its times, on whatever grid."""

    def __init__(self, flow: LatentFlow, images: Sequence[Condition], settings: SamplerSettings) -> None:
        self.flow = flow
        self.settings = settings
        self.modulations = _modulations(flow, settings, images[0].device)
        self.projections = [flow.projections(cond) for cond in images]


class LatentField:
    """A latent flow on a grid under a condition per image; the state is [voxels, channels].

    If the flow has recorded steps and the grid is not too large for them, they run.

    Attributes:
        grid: The voxels.
        settings: Of the schedule that it is good for.
    """

    def __init__(self, field: GridlessField, grid: VoxelGrid) -> None:
        flow = field.flow
        self.grid, self.settings = grid, field.settings
        self._flow = flow
        self._padded = None
        if flow.recorded is not None:
            self._padded = pad(grid, flow.recorded.max_voxels)
            if self._padded is not None:
                flow.recorded.prepare(self._padded)
        self._modulations = field.modulations
        self._contexts = [flow.contexts(projections, grid) for projections in field.projections]

    @property
    def num_images(self) -> int:
        return len(self._contexts)

    def conditional(self, x: Tensor, step: int, image: int) -> Tensor:
        return self._velocities(x, step, image, guided=False)[0]

    def guided(self, x: Tensor, step: int, image: int) -> tuple[Tensor, Tensor]:
        conditional, unconditional = self._velocities(x, step, image, guided=True)
        return conditional, unconditional

    def _velocities(self, x: Tensor, step: int, image: int, *, guided: bool) -> tuple[Tensor, ...]:
        modulations, contexts = _at(self._modulations, step), self._contexts[image]
        if self._flow.recorded is not None and self._padded is not None:
            return self._flow.recorded.velocity(self._padded, x, modulations, contexts, guided=guided)
        copies = 2 if guided else 1
        repeated = SparseTensor(
            grid=self.grid.repeated(2) if guided else self.grid, feats=x.repeat(copies, 1)
        )
        return self._flow.velocity(repeated, modulations, contexts).feats.chunk(copies)


def _modulations(
    flow: StructureFlow | LatentFlow, settings: SamplerSettings, device: torch.device
) -> list[Tensor]:
    times = tuple(TIME_SCALE * step.time for step in schedule(settings))
    return flow.run_modulations(flow, times, device)


def _at(modulations: Sequence[Tensor], step: int) -> list[Tensor]:
    """One step's modulations, a single row each: all objects share the time."""
    return [modulation[step : step + 1] for modulation in modulations]
