"""A weights folder with the published configs and no tensors, for benchmarks.

The loaders find the marker beside each config and draw the tensors instead of reading them. The tokenizers
are the embedded family's: their ids lie within the published vocabularies, and the texts are padded to the
same lengths.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from models.weights import published_shapes as published
from models.weights.random_tensors import RandomWeights, mark_random

EMBEDDED = Path(__file__).parents[1] / "embedded"
TOKENIZER_LENGTHS = {"tokenizer": 77, "tokenizer_2": 512}
GRID = 64
SHELL_VOXELS = 16_040  # of the published benchmarks' shell, whose distances lie in (27.4, 29.0)
OUTER_RADIUS = 29.0


def write_random_layout(folder: Path, weights: RandomWeights) -> None:
    """Fills `folder` with configs and markers."""
    _text_to_image(folder / "text_to_image")
    _image_to_3d(folder / "image_to_3d")
    _write(folder / "matte/network.json", {})
    _write(folder / "validation/clip/open_clip_config.json", published.CLIP_VIT_L_14)
    for file in [path for path in folder.rglob("*") if path.is_file()]:
        mark_random(file.parent, weights)
    mark_random(folder / "validation", weights)


def shell(voxels: int) -> Int[Tensor, "voxels 3"]:
    """The outermost points (x, y, z) of 64^3 within 29.0 of its centre, in lexicographic order.

    16,040 of them are exactly the points whose distance from 31.5 on each axis lies in (27.4, 29.0).

    Raises:
        ValueError: For no voxel, or more than lie inside that distance.
    """
    axis = torch.arange(GRID)
    points = torch.cartesian_prod(axis, axis, axis)
    squared = ((2 * points - (GRID - 1)) ** 2).sum(1)  # 4 r^2, exact
    inside = squared < round(4 * OUTER_RADIUS**2)
    if not 0 < voxels <= int(inside.sum()):
        raise ValueError(f"a shell has 1 to {int(inside.sum())} voxels, not {voxels}")
    points, squared = points[inside], squared[inside]
    outermost = torch.argsort(squared, descending=True, stable=True)[:voxels]
    return points[outermost.sort().values].int()  # as the structure stage gives them


def _text_to_image(folder: Path) -> None:
    _write(folder / "model_index.json", published.FLUX_INDEX)
    _write(folder / "scheduler/scheduler_config.json", published.FLUX_SCHEDULER)
    _write(folder / "text_encoder/config.json", published.FLUX_CLIP)
    _write(folder / "text_encoder_2/config.json", published.FLUX_T5)
    _write(folder / "transformer/config.json", published.FLUX_TRANSFORMER)
    _write(folder / "vae/config.json", published.FLUX_VAE)
    for name, length in TOKENIZER_LENGTHS.items():
        shutil.copytree(EMBEDDED / "text_to_image" / name, folder / name)
        file = folder / name / "tokenizer_config.json"
        _write(file, {**json.loads(file.read_text(encoding="utf-8")), "model_max_length": length})


def _image_to_3d(folder: Path) -> None:
    arguments = {
        "models": {role: file for role, (file, _, _) in published.TRELLIS_MODULES.items()},
        "sparse_structure_sampler": published.TRELLIS_SAMPLER,
        "slat_sampler": published.TRELLIS_SAMPLER,
        "slat_normalization": published.TRELLIS_NORMALIZATION,
    }
    _write(folder / "pipeline.json", {"name": "TrellisImageTo3DPipeline", "args": arguments})
    for file, class_name, class_arguments in published.TRELLIS_MODULES.values():
        _write(folder / f"{file}.json", {"name": class_name, "args": class_arguments})
    _write(folder / "image_cond_model/config.json", published.DINOV2)


def _write(file: Path, content: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")
