"""A structure flow's velocities, fused and recorded: `StructureFlow.velocity` on tensors alone."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from models.fast.graphs import GraphRecorder
from models.fast.parts import with_parts
from models.fast.plan import Switches
from models.fast.trellis.attention import attention_for
from models.fast.trellis.block import DenseBlock, FusedBlock, dense_block
from models.fast.trellis.modulations import kept_modulations
from models.layers import FINAL_EPS, Context, ModuleList, layer_norm
from models.sampling import SamplerSettings, StructureField
from models.sampling.fields import Condition, times_of
from models.structure.flow import StructureFlow, patchify, unpatchify

GROUP = "structure_flow"

StructureFields = Callable[[Condition, SamplerSettings], StructureField]


def structure_fields(
    flow: StructureFlow, plan: Switches, recorder: GraphRecorder | None = None
) -> StructureFields:
    """The flow under conditions, as planned; `recorder` is wanted for recorded steps."""
    if plan.graphs:
        assert recorder is not None
        return RecordedStructureFlow(flow, recorder, planned_block(plan, flow.pos_emb.device)).field
    fused = fused_structure_flow(flow, plan)
    return lambda cond, settings: StructureField.of(fused, cond, settings)


def fused_structure_flow(flow: StructureFlow, plan: Switches) -> StructureFlow:
    """A flow of the same parameters with the planned blocks."""
    if not plan.blocks:
        return flow
    block = planned_block(plan, flow.pos_emb.device)
    return with_parts(flow, blocks=ModuleList(FusedBlock(part, block) for part in flow.blocks))


def planned_block(plan: Switches, device: torch.device) -> DenseBlock:
    """The dense block with the planned attention."""
    return dense_block(plan.attention, attention_for(device))


class RecordedStructureFlow:
    """Runs a flow's steps through a recorder; each batch size is recorded when it first comes."""

    def __init__(self, flow: StructureFlow, recorder: GraphRecorder, block: DenseBlock) -> None:
        """Takes the flow, whose parameters must stay where they are, and its block."""
        self._flow = flow
        self._recorder = recorder
        self._block = block
        self._modulations = kept_modulations(flow)
        with torch.no_grad():
            self._unconditional = [part.cross_attn.unconditional() for part in flow.blocks]

    def field(self, cond: Condition, settings: SamplerSettings) -> StructureField:
        """The flow under a condition."""
        modulations = self._modulations(times_of(settings), cond.device)
        return StructureField(
            velocity=self.velocity, modulations=modulations, contexts=self._flow.contexts(cond)
        )

    def velocity(
        self,
        x: Float[Tensor, "batch in_channels r r r"],
        modulations: Sequence[Float[Tensor, "1 modulation"]],
        contexts: Sequence[Context],
    ) -> Float[Tensor, "batch out_channels r r r"]:
        """As the flow's own."""
        keys, values = [context.keys for context in contexts], [context.values for context in contexts]
        return self._recorder.run(GROUP, "step", self._step, [x, *modulations, *keys, *values])[0]

    def _step(self, x: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        flow, count = self._flow, len(self._unconditional)
        modulations, keys, values = (others[i * count : (i + 1) * count] for i in range(3))
        h = flow.input_layer(patchify(x, flow.config.patch_size)) + flow.pos_emb
        h = h.to(flow.torso_dtype)
        for i, part in enumerate(flow.blocks):
            h = self._block(part, h, modulations[i], keys[i], values[i], self._unconditional[i], None)
        h = flow.out_layer(layer_norm(h.float(), FINAL_EPS))
        return (unpatchify(h, flow.config.patch_size),)
