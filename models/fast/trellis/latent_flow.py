"""A latent flow's velocities, fused, and recorded on padded grids.

The formula is `LatentFlow.velocity`'s, on tensors alone; the numbers differ by rounding.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor

from models.fast.graphs import GraphRecorder
from models.fast.parts import with_parts
from models.fast.plan import MAX_VOXELS, Switches
from models.fast.trellis.block import DenseBlock, FusedBlock
from models.fast.trellis.modulations import kept_modulations
from models.fast.trellis.padding import FlowTables, PaddedGrid, pad
from models.fast.trellis.residual import FastResidual, FusedResidual, TensorResidual
from models.fast.trellis.structure_flow import planned_block
from models.latents.flow import LatentFlow
from models.latents.residual import Resampling, SparseResidualBlock
from models.layers import FINAL_EPS, ModuleList, Projection, layer_norm
from models.sampling import GridlessField, LatentField, SamplerSettings, VelocityField
from models.sampling.fields import Condition, modulations_of, times_of
from models.sparse import VoxelGrid

GROUP = "latent_flow"

FieldOn = Callable[[VoxelGrid], VelocityField]


def latent_fields(
    flow: LatentFlow, plan: Switches, recorder: GraphRecorder | None = None
) -> Callable[[Condition, SamplerSettings], FieldOn]:
    """The flow under conditions, as planned; `recorder` is wanted for recorded steps."""
    block, residual = planned_block(plan, flow.input_layer.weight.device), FastResidual()
    fused = _fused(flow, plan, block, residual)
    if plan.graphs:
        assert recorder is not None
        steps = RecordedLatentFlow(flow, recorder, block, residual, plan.recorded_voxels)
        return lambda cond, settings: steps.field(fused, cond, settings)

    def field(cond: Condition, settings: SamplerSettings) -> FieldOn:
        gridless = GridlessField.of(fused, cond, settings)
        return lambda grid: LatentField(gridless, grid)

    return field


def fused_latent_flow(flow: LatentFlow, plan: Switches) -> LatentFlow:
    """A flow of the same parameters with the planned blocks; the number of voxels stays variable."""
    return _fused(flow, plan, planned_block(plan, flow.input_layer.weight.device), FastResidual())


def _fused(flow: LatentFlow, plan: Switches, block: DenseBlock, residual: TensorResidual) -> LatentFlow:
    def residuals(blocks: ModuleList[SparseResidualBlock]) -> ModuleList[SparseResidualBlock]:
        return ModuleList(FusedResidual(part, residual) for part in blocks)

    if plan.blocks:
        flow = with_parts(flow, blocks=ModuleList(FusedBlock(part, block) for part in flow.blocks))
    if plan.residuals:
        into, out = residuals(flow.input_blocks), residuals(flow.out_blocks)
        flow = with_parts(flow, input_blocks=into, out_blocks=out)
    return flow


class RecordedLatentField:
    """A latent flow's recorded steps on a padded grid under a condition; the state is [voxels, channels]."""

    def __init__(self, steps: "RecordedLatentFlow", padded: PaddedGrid, field: GridlessField) -> None:
        """Computes what all steps on the grid have in common."""
        self._steps, self._padded, self._field = steps, padded, field
        steps.prepare(padded)

    def conditional(self, x: Tensor, step: int) -> Tensor:
        return self._velocities(x, step, guided=False)[0]

    def guided(self, x: Tensor, step: int) -> tuple[Tensor, Tensor]:
        conditional, unconditional = self._velocities(x, step, guided=True)
        return conditional, unconditional

    def _velocities(self, x: Tensor, step: int, *, guided: bool) -> tuple[Tensor, ...]:
        modulations = modulations_of(self._field.modulations, step)
        return self._steps.velocity(self._padded, x, modulations, self._field.projections, guided=guided)


class RecordedLatentFlow:
    """Runs a flow's steps through a recorder."""

    def __init__(
        self,
        flow: LatentFlow,
        recorder: GraphRecorder,
        block: DenseBlock,
        residual: TensorResidual,
        max_voxels: int = MAX_VOXELS,
    ) -> None:
        """Takes the flow, where its kernels are recorded, and its parts as functions of tensors.

        Raises:
            ValueError: The flow has not exactly one level of downsampling.
        """
        if len(flow.config.io_block_channels) != 1:
            raise ValueError("recorded latent flows have one level of downsampling")
        self._flow = flow
        self._recorder = recorder
        self._block = block
        self._residual = residual
        self._max_voxels = max_voxels
        self._modulations = kept_modulations(flow)
        with torch.no_grad():
            self._unconditional = [part.cross_attn.unconditional() for part in flow.blocks]

    def field(self, otherwise: LatentFlow, cond: Condition, settings: SamplerSettings) -> FieldOn:
        """The flow under a condition; `otherwise` runs on grids that are too large to be recorded."""
        modulations = self._modulations(times_of(settings), cond.device)
        projections = self._flow.projections(cond)
        field = GridlessField(flow=otherwise, modulations=modulations, projections=projections)

        def on(grid: VoxelGrid) -> VelocityField:
            padded = pad(grid, self._max_voxels)
            return LatentField(field, grid) if padded is None else RecordedLatentField(self, padded, field)

        return on

    def prepare(self, padded: PaddedGrid) -> None:
        """Computes what all steps on a grid have in common; the first one would otherwise."""
        _ = padded.flow_tables.twice, self._positions(padded)

    def _positions(self, padded: PaddedGrid) -> Tensor:
        channels = self._flow.config.model_channels
        return padded.grid.memo("token positions", lambda: padded.token_positions(channels))

    def velocity(
        self,
        padded: PaddedGrid,
        x: Float[Tensor, "voxels channels"],
        modulations: Sequence[Float[Tensor, "1 _modulation"]],
        projections: Sequence[Projection],
        *,
        guided: bool,
    ) -> tuple[Float[Tensor, "voxels channels"], ...]:
        """The conditional velocity, and the unconditional one if `guided`."""
        tables = padded.flow_tables
        both = [*tables.tensors(), *tables.twice.tensors()] if guided else tables.tensors()
        inputs = [
            padded.padded(x),
            self._positions(padded),
            *both,
            *modulations,
            *(projection.keys for projection in projections),
            *(projection.values for projection in projections),
        ]
        step = self._guided if guided else self._plain
        (out,) = self._recorder.run(GROUP, guided, step, inputs, short=partial(step, depth=1))
        return tuple(part.index_select(0, padded.rows) for part in out.chunk(2 if guided else 1))

    def _guided(
        self, x: Tensor, positions: Tensor, *others: Tensor, depth: int | None = None
    ) -> tuple[Tensor, ...]:
        """Both velocities; what precedes the condition is the same for both and computed once."""
        count = FlowTables.count()
        single, twice = FlowTables.of(others[:count]), FlowTables.of(others[count : 2 * count])
        return self._step(x, positions, single, twice, others[2 * count :], depth)

    def _plain(
        self, x: Tensor, positions: Tensor, *others: Tensor, depth: int | None = None
    ) -> tuple[Tensor, ...]:
        tables = FlowTables.of(others[: FlowTables.count()])
        return self._step(x, positions, tables, tables, others[FlowTables.count() :], depth)

    def _step(
        self,
        x: Tensor,
        positions: Tensor,
        single: FlowTables,
        tables: FlowTables,
        others: Sequence[Tensor],
        depth: int | None,
    ) -> tuple[Tensor, ...]:
        """A step through the first `depth` blocks of the torso, by default all."""
        flow, rest = self._flow, iter(others)
        modulated = (flow.input_blocks, flow.blocks, flow.out_blocks)
        into, torso, out, keys, values = (
            list(islice(rest, len(blocks))) for blocks in (*modulated, flow.blocks, flow.blocks)
        )
        h = flow.input_layer(x).to(flow.torso_dtype)
        skips = []
        for block, modulation in zip(flow.input_blocks, into, strict=True):
            if block.resampling is Resampling.DOWN:
                h = _downsampled(h, single)
            near = single.coarse_neighbours if block.resampling is Resampling.DOWN else single.neighbours
            h = self._residual(block, h, modulation, near, near, None)
            skips.append(h)
        h = h + positions.to(h.dtype)
        copies = len(tables.lengths) // len(single.lengths)
        h, skips = h.repeat(copies, 1), [skip.repeat(copies, 1) for skip in skips]
        groups = h.unflatten(0, (len(tables.lengths), -1))
        for i, part in enumerate(list(flow.blocks)[:depth]):
            constant = self._unconditional[i]
            groups = self._block(part, groups, torso[i], keys[i], values[i], constant, tables.lengths)
        h = groups.flatten(0, 1)
        for block, modulation in zip(flow.out_blocks, out, strict=True):
            skip = skips.pop()
            if flow.config.use_skip_connection:
                h = torch.cat([h, skip], dim=1)
            up = block.resampling is Resampling.UP
            first = tables.parents_of_neighbours if up else tables.neighbours
            parent = tables.parent if up else None
            h = self._residual(block, h, modulation, tables.neighbours, first, parent)
        return (flow.out_layer(layer_norm(h, FINAL_EPS).float()),)


def _downsampled(feats: Tensor, tables: FlowTables) -> Tensor:
    """`models.sparse.downsample` by the tables."""
    padded = torch.cat([feats, feats.new_zeros(1, feats.shape[1])])
    total = padded.index_select(0, tables.children.flatten()).view(len(tables.children), 8, -1).sum(dim=1)
    return total / tables.divisor.to(total.dtype)
