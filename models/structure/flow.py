"""Structure flow: the velocity of a rectified flow over dense structure latents (TRELLIS, section 3.2).

    [B, 8, R, R, R] -> tokens [B (R/p)^3, 8 p^3] -> Linear + position -> blocks -> LN -> Linear -> velocity

Tokens run x-major (z fastest); inside a patch the channel order is (channel, px, py, pz).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.layers import (
    FINAL_EPS,
    Context,
    ModulatedBlock,
    ModuleList,
    TimestepEmbedder,
    absolute_position_embedding,
    layer_norm,
    torso_dtype,
)
from models.sparse import uniform_segments


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureFlowConfig:
    """Sizes of a structure flow; `resolution` is the latent's side R, a multiple of `patch_size`."""

    resolution: int
    in_channels: int
    out_channels: int
    model_channels: int
    cond_channels: int
    num_blocks: int
    num_heads: int
    mlp_ratio: float = 4
    patch_size: int = 1
    qk_rms_norm: bool = True
    qk_rms_norm_cross: bool = False

    def __post_init__(self) -> None:
        if self.resolution % self.patch_size or self.model_channels % self.num_heads:
            raise ValueError("patch_size must divide resolution, and num_heads model_channels")

    @property
    def num_tokens(self) -> int:
        """Tokens of the latent grid."""
        return (self.resolution // self.patch_size) ** 3


class StructureFlow(nn.Module):
    """Velocity field; see the module's figure."""

    pos_emb: Tensor

    def __init__(self, config: StructureFlowConfig) -> None:
        super().__init__()
        self.config = config
        width, patch_volume = config.model_channels, config.patch_size**3
        self.t_embedder = TimestepEmbedder(width)
        with torch.device("cpu"):  # on meta, where modules are built, this would import torch's compiler
            axis = torch.arange(config.resolution // config.patch_size)
            positions = absolute_position_embedding(torch.cartesian_prod(axis, axis, axis), width)
        self.register_buffer("pos_emb", positions)
        self.input_layer = nn.Linear(config.in_channels * patch_volume, width)
        self.blocks = ModuleList(
            ModulatedBlock(
                width,
                config.cond_channels,
                config.num_heads,
                config.mlp_ratio,
                qk_rms_norm=config.qk_rms_norm,
                qk_rms_norm_cross=config.qk_rms_norm_cross,
            )
            for _ in range(config.num_blocks)
        )
        self.out_layer = nn.Linear(width, config.out_channels * patch_volume)

    @property
    def torso_dtype(self) -> torch.dtype:
        """Precision of the residual stream; everything around the blocks is fp32."""
        return torso_dtype(self.blocks)

    def forward(
        self,
        x: Float[Tensor, "batch in_channels r r r"],
        t: Float[Tensor, " batch"],
        cond: Float[Tensor, "batch condition cond_channels"],
    ) -> Float[Tensor, "batch out_channels r r r"]:
        """The velocity at times `t`, on the scale 0 to 1000."""
        return self.velocity(x, self.modulations(t), self.contexts(cond))

    def modulations(self, t: Float[Tensor, " times"]) -> list[Float[Tensor, "times modulation"]]:
        """Each block's shifts, scales and gates at the given times."""
        t_emb = self.t_embedder(t).to(self.torso_dtype)
        return [block.modulation(t_emb) for block in self.blocks]

    def contexts(self, cond: Float[Tensor, "objects condition cond_channels"]) -> list[Context]:
        """Each block's keys and values of the condition."""
        objects = uniform_segments(len(cond), self.config.num_tokens, cond.device)
        return [block.cross_attn.project(cond.to(self.torso_dtype)).of(objects) for block in self.blocks]

    def velocity(
        self,
        x: Float[Tensor, "batch in_channels r r r"],
        modulations: Sequence[Float[Tensor, "batch_or_one modulation"]],
        contexts: Sequence[Context],
    ) -> Float[Tensor, "batch out_channels r r r"]:
        """The velocity from what `modulations` and `contexts` computed ahead.

        Objects of `x` beyond those of the contexts are unconditional.
        """
        objects = uniform_segments(len(x), self.config.num_tokens, x.device)
        h = self.input_layer(patchify(x, self.config.patch_size)) + self.pos_emb
        h = h.flatten(0, 1).to(self.torso_dtype)
        for block, modulation, context in zip(self.blocks, modulations, contexts, strict=True):
            h = block(h, modulation, objects, context)
        h = self.out_layer(layer_norm(h.float(), FINAL_EPS))
        return unpatchify(h.unflatten(0, (len(x), -1)), self.config.patch_size)


def patchify(
    x: Float[Tensor, "batch channels r r r"], patch: int
) -> Float[Tensor, "batch tokens patch_channels"]:
    """Cuts a cube into patches: [B, C, R, R, R] -> [B, (R/p)^3, C p^3]."""
    batch, channels, side = x.shape[:3]
    x = x.view(batch, channels, side // patch, patch, side // patch, patch, side // patch, patch)
    return x.permute(0, 2, 4, 6, 1, 3, 5, 7).reshape(batch, (side // patch) ** 3, channels * patch**3)


def unpatchify(
    tokens: Float[Tensor, "batch tokens patch_channels"], patch: int
) -> Float[Tensor, "batch channels r r r"]:
    """The inverse of `patchify`."""
    batch, num_tokens, patch_channels = tokens.shape
    side = round(num_tokens ** (1 / 3))
    x = tokens.view(batch, side, side, side, patch_channels // patch**3, patch, patch, patch)
    return x.permute(0, 4, 1, 5, 2, 6, 3, 7).reshape(batch, -1, side * patch, side * patch, side * patch)
