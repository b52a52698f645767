"""Where a stage finds its weights."""

import tempfile
from functools import cache
from pathlib import Path

from configuration import Configuration
from configuration.schema import StageName

RANDOM_SEED = 0
FOLDERS: dict[StageName, str] = {
    "text_to_image": "text_to_image",
    "matting": "matte",
    "image_to_3d": "image_to_3d",
    "validation": "validation",
}


def stage_weights(configuration: Configuration, stage: StageName) -> Path:
    """The folder of a stage; with random weights one that holds the published configs only."""
    root = Path(configuration.weights)
    if configuration.random_weights:
        root = _random_layout(configuration.weights.partition(":")[2])
    return root / FOLDERS[stage]


@cache
def _random_layout(voxels: str) -> Path:
    from models.weights.random_layout import SHELL_VOXELS, write_random_layout
    from models.weights.random_tensors import RandomWeights

    folder = Path(tempfile.mkdtemp(prefix="fast-3d-miner-random-"))
    shell_voxels = int(voxels) if voxels else SHELL_VOXELS
    write_random_layout(folder, RandomWeights(seed=RANDOM_SEED, shell_voxels=shell_voxels))
    return folder
