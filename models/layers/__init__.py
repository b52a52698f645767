"""Transformer parts shared by the flow models and the latent decoders."""

from models.layers.attention import Context, CrossAttention, Projection, SelfAttention, attend
from models.layers.blocks import FeedForward, ModulatedBlock, PlainBlock
from models.layers.embeddings import TimestepEmbedder, absolute_position_embedding, voxel_position_embedding
from models.layers.modulations import RunModulations, kept_modulations, modulations_at
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
    "RunModulations",
    "SelfAttention",
    "TimestepEmbedder",
    "absolute_position_embedding",
    "attend",
    "kept_modulations",
    "layer_norm",
    "modulations_at",
    "torso_dtype",
    "voxel_position_embedding",
]
