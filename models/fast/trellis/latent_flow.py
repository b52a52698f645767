"""A latent flow's velocities by recorded kernels, on padded grids.

The formula is `LatentFlow.velocity`'s, on tensors alone; the numbers differ by rounding.
"""

from collections.abc import Sequence
from functools import partial
from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor

from models.fast.graphs import GraphRecorder
from models.fast.trellis.block import DenseBlock
from models.fast.trellis.padding import MAX_VOXELS, FlowTables, PaddedGrid
from models.fast.trellis.residual import TensorResidual
from models.latents.flow import LatentFlow
from models.latents.residual import Resampling
from models.layers import FINAL_EPS, Context, layer_norm

GROUP = "latent_flow"


class GraphedLatentFlow:
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
        self.max_voxels = max_voxels
        with torch.no_grad():
            self._unconditional = [block.cross_attn.unconditional() for block in flow.blocks]

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
        modulations: Sequence[Float[Tensor, "1 modulation"]],
        contexts: Sequence[Context],
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
            *(context.keys for context in contexts),
            *(context.values for context in contexts),
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
