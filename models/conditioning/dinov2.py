"""DINOv2 with registers (Oquab et al. 2023, Darcet et al. 2023), up to the tokens of its last block.

    pixels -> patches -> + positions -> class, registers, patches -> blocks -> tokens

Our own rather than transformers' module, which takes longer to import than to load: seconds of every start
and of the memory of one more process. Tensors have the names of the published transformers files.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from models.errors import WeightsError
from models.layers import ModuleList
from models.linear import Linear
from models.weights.guard import weights_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Dinov2Config:
    """Sizes, under their names in the published config.json."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    image_size: int
    patch_size: int
    mlp_ratio: int = 4
    num_channels: int = 3
    num_register_tokens: int = 4
    layer_norm_eps: float = 1e-6
    qkv_bias: bool = True

    @classmethod
    def read(cls, file: Path) -> "Dinov2Config":
        """Reads a config.json; keys without influence on the tokens are ignored.

        Raises:
            WeightsError: It describes another architecture, or lacks a size.
        """
        with weights_in(file):
            return cls.of(json.loads(file.read_text(encoding="utf-8")), str(file))

    @classmethod
    def of(cls, values: Mapping[str, Any], origin: str) -> "Dinov2Config":
        """The same from the content of a config file of transformers.

        Args:
            values: The file's keys and values.
            origin: What errors call it.

        Raises:
            WeightsError: For a variant that is not implemented, or keys that are missing.
        """
        asked = {"use_swiglu_ffn": False, "hidden_act": "gelu"}
        other = [f"{key} {values[key]!r}" for key, only in asked.items() if values.get(key, only) != only]
        if other:
            raise WeightsError(f"{origin}: {', '.join(other)} is not supported")
        known = {field.name for field in fields(cls)}
        if values.get("model_type") == "dinov2":  # the one without registers, which says nothing of them
            values = {"num_register_tokens": 0, **values}
        try:
            return cls(**{key: value for key, value in values.items() if key in known})
        except TypeError as error:
            raise WeightsError(f"{origin} is no config of a DINOv2: {error}") from error


class Dinov2(nn.Module):
    """The vision transformer; `layernorm` is in the files and not applied."""

    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.config = config
        self.embeddings = _Embeddings(config)
        self.encoder = _Encoder(config)
        self.layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(
        self, pixels: Float[Tensor, "batch channels size size"]
    ) -> Float[Tensor, "batch tokens width"]:
        """Tokens of images of the config's size: class, registers, then patches row by row."""
        tokens: Tensor = self.embeddings(pixels)
        for block in self.encoder.layer:
            tokens = block(tokens)
        return tokens


class _Embeddings(nn.Module):
    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        width, patches = config.hidden_size, (config.image_size // config.patch_size) ** 2
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))  # of the training, never read here
        self.register_tokens = (
            nn.Parameter(torch.zeros(1, config.num_register_tokens, width))
            if config.num_register_tokens
            else None
        )
        self.position_embeddings = nn.Parameter(torch.zeros(1, patches + 1, width))
        self.patch_embeddings = _Patches(config)

    def forward(self, pixels: Tensor) -> Tensor:
        patches, count = self.patch_embeddings(pixels), len(pixels)
        tokens = torch.cat([self.cls_token.expand(count, -1, -1), patches], dim=1) + self.position_embeddings
        if self.register_tokens is None:
            return tokens
        registers = self.register_tokens.expand(count, -1, -1)
        return torch.cat([tokens[:, :1], registers, tokens[:, 1:]], dim=1)


class _Patches(nn.Module):
    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.size = config.image_size
        side = config.patch_size
        self.projection = nn.Conv2d(config.num_channels, config.hidden_size, side, stride=side)

    def forward(self, pixels: Tensor) -> Tensor:
        if pixels.shape[-2:] != (self.size, self.size):
            raise ValueError(f"images must be {self.size} pixels square, not {tuple(pixels.shape[-2:])}")
        patches: Tensor = self.projection(pixels.to(self.projection.weight.dtype))
        return patches.flatten(2).transpose(1, 2)


class _Encoder(nn.Module):
    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.layer = ModuleList(_Block(config) for _ in range(config.num_hidden_layers))


class _Block(nn.Module):
    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        width = config.hidden_size
        self.norm1 = nn.LayerNorm(width, config.layer_norm_eps)
        self.attention = _Attention(config)
        self.layer_scale1 = _Scale(width)
        self.norm2 = nn.LayerNorm(width, config.layer_norm_eps)
        self.mlp = _Mlp(width, width * config.mlp_ratio)
        self.layer_scale2 = _Scale(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.layer_scale1(self.attention(self.norm1(x)))
        out: Tensor = x + self.layer_scale2(self.mlp(self.norm2(x)))
        return out


class _Attention(nn.Module):
    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.attention = _Projections(config)
        self.output = _Output(config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.attention(x)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        out: Tensor = self.output.dense(mixed)
        return out


class _Projections(nn.Module):
    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.num_heads = config.num_attention_heads
        width = config.hidden_size
        self.query, self.key, self.value = (Linear(width, width, config.qkv_bias) for _ in range(3))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Queries, keys and values [batch, heads, tokens, channels]."""
        return tuple(
            project(x).unflatten(2, (self.num_heads, -1)).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )


class _Output(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = Linear(width, width)


class _Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = Linear(width, hidden)
        self.fc2 = Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class _Scale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.lambda1 = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.lambda1
