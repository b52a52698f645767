"""Where a stage finds its weights."""

import tempfile
from functools import cache
from pathlib import Path

from configuration import Configuration
from configuration.stages import StageName, entry_of

RANDOM_SEED = 0


def stage_weights(configuration: Configuration, stage: StageName) -> Path:
    """The folder of a stage; with random weights one that holds the published configs only."""
    inside = entry_of(stage).weights
    assert inside is not None, f"{stage} loads no weights"
    root = Path(configuration.weights)
    if configuration.random_weights:
        root = _random_layout(configuration.weights.partition(":")[2])
    return root / inside


@cache
def _random_layout(voxels: str) -> Path:
    from models.weights.random_layout import SHELL_VOXELS, write_random_layout
    from models.weights.random_tensors import RandomWeights

    folder = Path(tempfile.mkdtemp(prefix="fast-3d-miner-random-"))
    shell_voxels = int(voxels) if voxels else SHELL_VOXELS
    write_random_layout(folder, RandomWeights(seed=RANDOM_SEED, shell_voxels=shell_voxels))
    return folder
