"""Transformer parts shared by the flow models and the latent decoders."""

from models.layers.attention import Context, CrossAttention, Projection, SelfAttention, attend
from models.layers.blocks import FeedForward, ModulatedBlock, PlainBlock
from models.layers.embeddings import TimestepEmbedder, absolute_position_embedding, voxel_position_embedding
from models.layers.module_list import ModuleList
from models.layers.norms import FINAL_EPS, LayerNorm, RmsNorm, layer_norm
from models.layers.precision import torso_dtype

__all__ = [
    "FINAL_EPS",
    "Context",
    "CrossAttention",
    "FeedForward",
    "LayerNorm",
    "ModulatedBlock",
    "ModuleList",
    "PlainBlock",
    "Projection",
    "RmsNorm",
    "SelfAttention",
    "TimestepEmbedder",
    "absolute_position_embedding",
    "attend",
    "layer_norm",
    "torso_dtype",
    "voxel_position_embedding",
]
