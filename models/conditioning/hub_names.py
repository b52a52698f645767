"""Names of DINOv2's torch.hub checkpoints, translated to those of the published transformers files."""

import re
from collections.abc import Iterator, Mapping

from torch import Tensor

RENAMES = (
    (r"^(cls_token|register_tokens|mask_token)$", r"embeddings.\1"),
    (r"^pos_embed$", "embeddings.position_embeddings"),
    (r"^patch_embed\.proj\.", "embeddings.patch_embeddings.projection."),
    (r"^blocks\.(\d+)\.(norm1|norm2|mlp\.fc1|mlp\.fc2)\.", r"encoder.layer.\1.\2."),
    (r"^blocks\.(\d+)\.attn\.proj\.", r"encoder.layer.\1.attention.output.dense."),
    (r"^blocks\.(\d+)\.ls([12])\.gamma$", r"encoder.layer.\1.layer_scale\2.lambda1"),
    (r"^norm\.", "layernorm."),
)
FUSED = re.compile(r"^blocks\.(\d+)\.attn\.qkv\.(weight|bias)$")


def from_hub(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under transformers' names; the fused query, key and value rows are split in thirds.

    Raises:
        ValueError: A name is not one of a DINOv2 with registers.
    """
    return dict(pair for name, tensor in state.items() for pair in _translated(name, tensor))


def _translated(name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    fused = FUSED.match(name)
    if fused:
        for part, rows in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
            yield f"encoder.layer.{fused[1]}.attention.attention.{part}.{fused[2]}", rows
        return
    for pattern, replacement in RENAMES:
        renamed, count = re.subn(pattern, replacement, name)
        if count:
            yield renamed, tensor
            return
    raise ValueError(f"unknown DINOv2 tensor {name!r}")
