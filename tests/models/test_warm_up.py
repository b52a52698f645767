"""After the warm-up no request compiles."""

from pathlib import Path

import numpy as np
import torch
from torch._dynamo.utils import counters

from models.acceleration import Switches
from models.image_to_3d import ImageTo3D, SamplerSettings
from models.warm_up import warm_up
from tests.service.tiny_weights import write_image_to_3d

SETTINGS = SamplerSettings(steps=3, cfg_strength=3, cfg_interval=(0.5, 1.0), rescale_t=3)  # guided and not
MAX_BATCH_SIZE = 2


def num_graphs() -> int:
    return counters["stats"]["unique_graphs"]


def test_requests_find_every_batch_size_compiled(tmp_path: Path) -> None:
    torch.manual_seed(0)
    write_image_to_3d(tmp_path / "weights")
    model = ImageTo3D.load(tmp_path / "weights", device="cpu", switches=Switches.all_on(compiler="eager"))
    before = num_graphs()
    for size in range(1, MAX_BATCH_SIZE + 1):
        warm_up(model, size, structure=SETTINGS, latents=SETTINGS)
    compiled = num_graphs()
    assert compiled > before
    image = np.full((40, 40, 4), 255, np.uint8)
    for size in range(1, MAX_BATCH_SIZE + 1):
        model.generate([image] * size, list(range(size)), structure=SETTINGS, latents=SETTINGS)
    assert num_graphs() == compiled
