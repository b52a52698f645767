"""Structured latents: feature vectors on the occupied voxels."""

from models.latents.decoder import LatentDecoder, LatentDecoderConfig
from models.latents.flow import LatentFlow, LatentFlowConfig

__all__ = ["LatentDecoder", "LatentDecoderConfig", "LatentFlow", "LatentFlowConfig"]
