"""Sampling of rectified flows: Euler steps with guidance and noise per request."""

from models.sampling.euler import SampleStep, sample, trajectory
from models.sampling.fields import GridlessField, LatentField, StructureField, VelocityField
from models.sampling.noise import request_generator, stacked_noise, voxel_noise
from models.sampling.schedule import SamplerSettings, Step, schedule

__all__ = [
    "GridlessField",
    "LatentField",
    "SampleStep",
    "SamplerSettings",
    "Step",
    "StructureField",
    "VelocityField",
    "request_generator",
    "sample",
    "schedule",
    "stacked_noise",
    "trajectory",
    "voxel_noise",
]
