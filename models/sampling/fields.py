"""Flow models bound to their conditions and times, as samplers see them.

Whatever depends on the time alone (modulations) or on the condition alone (keys and values) is computed once
here, and for a latent flow can be before the grid is known.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from models.latents import LatentFlow
from models.layers import Context, Projection
from models.sampling.schedule import TIME_SCALE, SamplerSettings, schedule
from models.sparse import SparseTensor, VoxelGrid
from models.structure import StructureFlow
from models.transfer import to_device_async

Condition = Float[Tensor, "objects condition cond_channels"]


class VelocityField(Protocol):
    """Velocities at the steps of one schedule, under one condition."""

    def conditional(self, x: Float[Tensor, "*state"], step: int) -> Float[Tensor, "*state"]:
        """The velocity under the condition."""
        ...

    def guided(
        self, x: Float[Tensor, "*state"], step: int
    ) -> tuple[Float[Tensor, "*state"], Float[Tensor, "*state"]]:
        """The conditional and the unconditional velocity."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureField:
    """A structure flow under a condition; the state is [objects, channels, R, R, R].

    Attributes:
        velocity: The flow's.
        modulations: Every block's, a row for each step.
        contexts: Every block's keys and values of the condition.
    """

    velocity: Callable[[Tensor, Sequence[Tensor], Sequence[Context]], Tensor]
    modulations: Sequence[Float[Tensor, "steps modulation"]]
    contexts: Sequence[Context]

    @classmethod
    def of(cls, flow: StructureFlow, cond: Condition, settings: SamplerSettings) -> "StructureField":
        """Computes what all steps have in common."""
        modulations = flow.modulations(to_device_async(times_of(settings), cond.device))
        return cls(velocity=flow.velocity, modulations=modulations, contexts=flow.contexts(cond))

    def conditional(self, x: Tensor, step: int) -> Tensor:
        """The velocity under the condition."""
        return self.velocity(x, modulations_of(self.modulations, step), self.contexts)

    def guided(self, x: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Velocities under the condition and under none."""
        conditional, unconditional = self.conditional(torch.cat([x, x]), step).chunk(2)
        return conditional, unconditional


@dataclass(frozen=True, slots=True, kw_only=True)
class GridlessField:
    """What a latent flow makes of a condition and of its times, on whatever grid.

    Attributes:
        modulations: Every block's, a row for each step.
        projections: Every transformer block's keys and values of the condition.
    """

    flow: LatentFlow
    modulations: Sequence[Float[Tensor, "steps _modulation"]]
    projections: Sequence[Projection]

    @classmethod
    def of(cls, flow: LatentFlow, cond: Condition, settings: SamplerSettings) -> "GridlessField":
        """Computes both."""
        modulations = flow.modulations(to_device_async(times_of(settings), cond.device))
        return cls(flow=flow, modulations=modulations, projections=flow.projections(cond))


class LatentField:
    """A latent flow on a grid under a condition; the state is [voxels, channels]."""

    def __init__(self, field: GridlessField, grid: VoxelGrid) -> None:
        self._flow = field.flow
        self._grid = grid
        self._modulations = field.modulations
        self._contexts = field.flow.contexts(field.projections, grid)

    def conditional(self, x: Tensor, step: int) -> Tensor:
        """The velocity under the condition."""
        return self._velocity(SparseTensor(grid=self._grid, feats=x), step)

    def guided(self, x: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Velocities under the condition and under none."""
        twice = SparseTensor(grid=self._grid.repeated(2), feats=x.repeat(2, 1))
        conditional, unconditional = self._velocity(twice, step).chunk(2)
        return conditional, unconditional

    def _velocity(self, x: SparseTensor, step: int) -> Tensor:
        return self._flow.velocity(x, modulations_of(self._modulations, step), self._contexts).feats


def times_of(settings: SamplerSettings) -> tuple[float, ...]:
    """When a schedule's steps evaluate the flow, on the scale 0 to 1000."""
    return tuple(TIME_SCALE * step.time for step in schedule(settings))


def modulations_of(modulations: Sequence[Tensor], step: int) -> list[Tensor]:
    """One step's modulations, a single row each: all objects share the time."""
    return [modulation[step : step + 1] for modulation in modulations]
