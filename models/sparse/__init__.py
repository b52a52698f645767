"""Sparse voxel tensors: grids, submanifold convolution, resampling, groups of rows."""

from models.sparse.convolution import SubmanifoldConvolution
from models.sparse.grid import Downsampling, VoxelGrid
from models.sparse.resampling import downsample, subdivide, upsample
from models.sparse.segments import Bucket, Segments, expand_to_rows, segments_of, uniform_segments
from models.sparse.tensor import SparseTensor

__all__ = [
    "Bucket",
    "Downsampling",
    "Segments",
    "SparseTensor",
    "SubmanifoldConvolution",
    "VoxelGrid",
    "downsample",
    "expand_to_rows",
    "segments_of",
    "subdivide",
    "uniform_segments",
    "upsample",
]
