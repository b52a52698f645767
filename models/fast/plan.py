"""Switches of the GPU's fast paths; all off is the plain networks, which are the reference.

    blocks      flow blocks with what lies between two products in one kernel each (rounding)
    residuals   sparse residual blocks likewise, upsampling ones on coarse rows (rounding)
    decoder     Gaussian decoder's blocks likewise, rows kept in window order (rounding)
    graphs      image encoder, flows' steps and decoders recorded as CUDA graphs, sparse ones on padded grids
                (rounding)
    attention   which attention kernel the blocks take (rounding)

The first call of each shape builds kernels and records: serve after a warm-up.
"""

from dataclasses import dataclass, fields
from typing import Literal

import torch

AttentionBackend = Literal["default", "flash", "cudnn"]
MAX_VOXELS = 40_960  # of a surface; larger ones keep an H100 busy without recorded kernels


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
        """Everything that pays: all of it on a GPU, nothing on a CPU, which has its own kernels."""
        on = device.type == "cuda"
        return cls(blocks=on, residuals=on, decoder=on, graphs=on and graphs, recorded_voxels=recorded_voxels)

    @classmethod
    def all_on(cls) -> "Switches":
        """Every switch, wherever it runs."""
        return cls(blocks=True, residuals=True, decoder=True, graphs=True)

    def names(self) -> list[str]:
        """The switches that are on, for reports."""
        return [field.name for field in fields(self) if getattr(self, field.name) is True]
