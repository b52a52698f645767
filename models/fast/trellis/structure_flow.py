"""A structure flow's velocities by recorded kernels: `StructureFlow.velocity` on tensors alone."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from models.fast.graphs import GraphRecorder
from models.fast.trellis.block import DenseBlock
from models.layers import FINAL_EPS, Context, layer_norm
from models.structure.flow import RunVelocity, StructureFlow, patchify, unpatchify

GROUP = "structure_flow"


def graphed_velocity(flow: StructureFlow, recorder: GraphRecorder, block: DenseBlock) -> RunVelocity:
    """A `run_velocity` for the flow that replays kernels; each batch size is recorded when it first comes."""
    num_blocks = len(flow.blocks)
    with torch.no_grad():
        unconditional = [part.cross_attn.unconditional() for part in flow.blocks]

    def step(x: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        modulations, keys, values = (others[i * num_blocks : (i + 1) * num_blocks] for i in range(3))
        h = flow.input_layer(patchify(x, flow.config.patch_size)) + flow.pos_emb
        h = h.to(flow.torso_dtype)
        for i, part in enumerate(flow.blocks):
            h = block(part, h, modulations[i], keys[i], values[i], unconditional[i], None)
        h = flow.out_layer(layer_norm(h.float(), FINAL_EPS))
        return (unpatchify(h, flow.config.patch_size),)

    def run(
        flow: StructureFlow,
        x: Float[Tensor, "batch in_channels r r r"],
        modulations: Sequence[Float[Tensor, "1 6*channels"]],
        contexts: Sequence[Context],
    ) -> Float[Tensor, "batch out_channels r r r"]:
        keys, values = [context.keys for context in contexts], [context.values for context in contexts]
        return recorder.run(GROUP, "step", step, [x, *modulations, *keys, *values])[0]

    return run
