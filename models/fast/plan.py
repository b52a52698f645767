"""Switches of the GPU's fast paths; everything is off in a freshly loaded model, which is the reference.

    blocks      flow blocks with what lies between two products in one kernel each (rounding)
    residuals   sparse residual blocks likewise, upsampling ones on coarse rows (rounding)
    decoder     Gaussian decoder's blocks likewise, rows kept in window order (rounding)
    graphs      image encoder, flows' steps and decoders recorded as CUDA graphs, sparse ones on padded grids
                (rounding)
    attention   which attention kernel the blocks take (rounding)

The first call of each shape builds kernels and records: serve after a warm-up.
"""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch
from torch import nn

from models.conditioning import ImageEncoder
from models.fast.graphs import GraphRecorder, forget_recorded, record_forward
from models.fast.trellis import block as dense_block
from models.fast.trellis import residual as fast_residual
from models.fast.trellis import trunk as fast_trunk
from models.fast.trellis.attention import attention_for
from models.fast.trellis.block import AttentionBackend
from models.fast.trellis.gaussian_decoder import graphed_decoder
from models.fast.trellis.latent_flow import GraphedLatentFlow
from models.fast.trellis.padding import MAX_VOXELS
from models.fast.trellis.structure_flow import graphed_velocity
from models.gaussians.decoder import GaussianDecoder
from models.latents import LatentFlow
from models.layers import kept_modulations, modulations_at
from models.layers.attention import suits_varlen
from models.structure import StructureFlow

if TYPE_CHECKING:
    from models.condition_to_3d import ConditionTo3D


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """What is switched on; see the module's table.

    Attributes:
        recorded_voxels: Objects with more run without recorded kernels: the largest size takes most memory.
    """

    blocks: bool = False
    residuals: bool = False
    decoder: bool = False
    graphs: bool = False
    recorded_voxels: int = MAX_VOXELS
    attention: AttentionBackend = "default"

    @classmethod
    def for_device(
        cls, device: torch.device, *, graphs: bool = True, recorded_voxels: int = MAX_VOXELS
    ) -> "Switches":
        """Everything that pays: all of it on a card, nothing on a CPU, which has its own kernels."""
        on = device.type == "cuda"
        return cls(blocks=on, residuals=on, decoder=on, graphs=on and graphs, recorded_voxels=recorded_voxels)

    @classmethod
    def all_on(cls) -> "Switches":
        """Every switch, wherever it runs."""
        return cls(blocks=True, residuals=True, decoder=True, graphs=True)

    def names(self) -> list[str]:
        """The switches that are on, for reports."""
        return [field.name for field in fields(self) if getattr(self, field.name) is True]


def accelerate(
    stages: "ConditionTo3D",
    switches: Switches,
    image_encoder: ImageEncoder | None = None,
    recorder: GraphRecorder | None = None,
) -> None:
    """Sets all stages as the switches say; `recorder` holds the graphs, by default one of their own."""
    if switches.graphs:
        recorder = recorder or GraphRecorder(stages.device)
    _accelerate_dense(stages.structure_decoder, "structure_decoder", switches, recorder)
    if image_encoder is not None:
        _accelerate_dense(image_encoder, "image_encoder", switches, recorder)
    accelerate_structure_flow(stages.structure_flow, switches, recorder)
    accelerate_latent_flow(stages.latent_flow, switches, recorder)
    accelerate_decoder(stages.gaussian_decoder, switches, recorder)


def _accelerate_dense(
    module: nn.Module, name: str, switches: Switches, recorder: GraphRecorder | None
) -> None:
    forget_recorded(module)
    if switches.graphs:
        record_forward(module, recorder or GraphRecorder(device_of(module)), name)


def accelerate_module(module: nn.Module, switches: Switches) -> None:
    """Sets one module as the switches say; most kinds have none."""
    if isinstance(module, StructureFlow):
        accelerate_structure_flow(module, switches)
    elif isinstance(module, LatentFlow):
        accelerate_latent_flow(module, switches)
    elif isinstance(module, GaussianDecoder):
        accelerate_decoder(module, switches)


def accelerate_structure_flow(
    flow: StructureFlow, switches: Switches, recorder: GraphRecorder | None = None
) -> None:
    """Sets the flow's blocks and steps as the switches say."""
    device = device_of(flow)
    block = dense_block.dense_block(switches.attention, attention_for(device))
    flow.run_block = dense_block.run_with(block) if switches.blocks else dense_block.run_plain
    flow.run_modulations = kept_modulations() if switches.graphs else modulations_at
    flow.run_velocity = StructureFlow.velocity
    if switches.graphs:
        flow.run_velocity = graphed_velocity(flow, recorder or GraphRecorder(device), block)


def accelerate_latent_flow(
    flow: LatentFlow, switches: Switches, recorder: GraphRecorder | None = None
) -> None:
    """Sets the flow's blocks and steps as the switches say; the number of voxels stays variable."""
    device = device_of(flow)
    block = dense_block.dense_block(switches.attention, attention_for(device))
    residual = fast_residual.FastResidual()
    flow.run_block = dense_block.run_with(block) if switches.blocks else dense_block.run_plain
    flow.run_modulations = kept_modulations() if switches.graphs else modulations_at
    flow.run_residual, flow.recorded = fast_residual.run_plain, None
    if switches.residuals:
        flow.run_residual = fast_residual.run_with(residual)
    if switches.graphs:
        flow.recorded = GraphedLatentFlow(
            flow, recorder or GraphRecorder(device), block, residual, switches.recorded_voxels
        )


def accelerate_decoder(
    decoder: GaussianDecoder, switches: Switches, recorder: GraphRecorder | None = None
) -> None:
    """Sets the decoder's trunk and head as the switches say."""
    block = fast_trunk.windowed_block
    decoder.run_trunk, decoder.recorded = fast_trunk.run_plain, None
    if switches.decoder:
        decoder.run_trunk = fast_trunk.run_with(block)
    if switches.graphs and suits_varlen(next(decoder.blocks.parameters())):
        decoder.recorded = graphed_decoder(
            decoder, recorder or GraphRecorder(device_of(decoder)), block, switches.recorded_voxels
        )


def device_of(module: nn.Module) -> torch.device:
    """Where a module's weights are."""
    return next(module.parameters()).device
