"""Structured latents: feature vectors on the occupied voxels."""

from models.latents.flow import LatentFlow, LatentFlowConfig
from models.latents.trunk import LatentDecoder, LatentDecoderConfig

__all__ = ["LatentDecoder", "LatentDecoderConfig", "LatentFlow", "LatentFlowConfig"]
