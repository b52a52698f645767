"""Sparse structure: which voxels an object occupies."""

from models.structure.decoder import StructureDecoder, StructureDecoderConfig, occupied_voxels
from models.structure.flow import StructureFlow, StructureFlowConfig

__all__ = [
    "StructureDecoder",
    "StructureDecoderConfig",
    "StructureFlow",
    "StructureFlowConfig",
    "occupied_voxels",
]
