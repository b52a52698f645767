"""Switches of the GPU's fast paths; everything is off in a freshly loaded model, which is the reference.

    blocks      flow blocks compiled, on tensors alone (rounding: other kernels, same formula)
    residuals   sparse residual blocks compiled, upsampling ones on coarse rows (rounding)
    decoder     Gaussian decoder's blocks compiled, rows kept in window order (rounding)
    attention   which attention kernel the compiled blocks take (rounding)

The first call of each shape compiles: serve after a warm-up.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeVar, cast

import torch
from torch import nn

from models.gaussians.decoder import GaussianDecoder
from models.latents import LatentFlow, fast_residual, fast_trunk
from models.layers import dense_block
from models.layers.dense_block import AttentionBackend
from models.structure import StructureFlow

if TYPE_CHECKING:
    from models.condition_to_3d import ConditionTo3D

F = TypeVar("F", bound=Callable[..., object])
MANY_SHAPES = 64  # one compiled variant for each of: stage, guidance, batch size


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """What is switched on; see the module's table.

    Attributes:
        compiler: torch.compile's back end; `eager` keeps the fast formulas without compiling them.
    """

    blocks: bool = False
    residuals: bool = False
    decoder: bool = False
    attention: AttentionBackend = "default"
    compiler: str | Callable[..., object] = "inductor"

    @classmethod
    def for_device(cls, device: torch.device) -> "Switches":
        """Everything that pays: all of it on a card, nothing on a CPU, which has its own kernels."""
        on = device.type == "cuda"
        return cls(blocks=on, residuals=on, decoder=on)

    @classmethod
    def all_on(cls, compiler: str = "inductor") -> "Switches":
        """Every switch, wherever it runs."""
        return cls(blocks=True, residuals=True, decoder=True, compiler=compiler)

    def names(self) -> list[str]:
        """The switches that are on, for reports."""
        return [field.name for field in fields(self) if getattr(self, field.name) is True]


def accelerate(stages: "ConditionTo3D", switches: Switches) -> None:
    """Sets all stages as the switches say."""
    accelerate_structure_flow(stages.structure_flow, switches)
    accelerate_latent_flow(stages.latent_flow, switches)
    accelerate_decoder(stages.gaussian_decoder, switches)


def accelerate_module(module: nn.Module, switches: Switches) -> None:
    """Sets one module as the switches say; most kinds have none."""
    if isinstance(module, StructureFlow):
        accelerate_structure_flow(module, switches)
    elif isinstance(module, LatentFlow):
        accelerate_latent_flow(module, switches)
    elif isinstance(module, GaussianDecoder):
        accelerate_decoder(module, switches)


def accelerate_structure_flow(flow: StructureFlow, switches: Switches) -> None:
    """Sets the flow's blocks as the switches say."""
    flow.run_block = _blocks(switches, dynamic=False)


def accelerate_latent_flow(flow: LatentFlow, switches: Switches) -> None:
    """Sets the flow's blocks as the switches say; the number of voxels stays variable."""
    flow.run_block = _blocks(switches, dynamic=True)
    flow.run_residual = fast_residual.run_plain
    if switches.residuals:
        flow.run_residual = fast_residual.run_with(_compiled(fast_residual.residual, switches, dynamic=True))


def accelerate_decoder(decoder: GaussianDecoder, switches: Switches) -> None:
    """Sets the decoder's trunk and head as the switches say."""
    decoder.run_trunk = fast_trunk.run_plain
    decoder.make_splats = decoder.splats
    if switches.decoder:
        decoder.run_trunk = fast_trunk.run_with(_compiled(fast_trunk.windowed_block, switches, dynamic=True))
        decoder.make_splats = _compiled(decoder.splats, switches, dynamic=True)


def _blocks(switches: Switches, *, dynamic: bool) -> dense_block.RunBlock:
    if not switches.blocks:
        return dense_block.run_plain
    return dense_block.run_with(
        _compiled(dense_block.dense_block(switches.attention), switches, dynamic=dynamic)
    )


def _compiled(function: F, switches: Switches, *, dynamic: bool) -> F:
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, MANY_SHAPES)
    compiled = torch.compile(function, fullgraph=True, dynamic=dynamic, backend=switches.compiler)
    return cast(F, compiled)
