"""Loading of weights: strict, on meta, in the published layouts."""

from models.weights.loading import check_names_and_shapes, load_module
from models.weights.trellis_layout import (
    PublishedPipeline,
    build_module,
    check_module,
    read_module,
    read_pipeline,
)

__all__ = [
    "PublishedPipeline",
    "build_module",
    "check_module",
    "check_names_and_shapes",
    "load_module",
    "read_module",
    "read_pipeline",
]
