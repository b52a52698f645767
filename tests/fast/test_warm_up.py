"""After the warm-up no request builds or records anything."""

from pathlib import Path

import numpy as np
import torch

from models.fast.graphs import GraphRecorder
from models.fast.plan import Switches
from models.fast.trellis.networks import accelerate
from models.fast.warm_up import warm_up
from models.trellis.image_to_3d import ImageTo3D, SamplerSettings
from models.trellis.networks import load_networks
from tests.stand_ins.tiny_weights import write_image_to_3d

SETTINGS = SamplerSettings(steps=3, cfg_strength=3, cfg_interval=(0.5, 1.0), rescale_t=3)  # guided and not


def test_requests_find_everything_recorded(tmp_path: Path) -> None:
    torch.manual_seed(0)
    write_image_to_3d(tmp_path / "weights")
    recorder = GraphRecorder("cpu")
    networks = load_networks(tmp_path / "weights", device="cpu")
    model = ImageTo3D(accelerate(networks, Switches.all_on(), recorder))
    warm_up(model, 1, structure=SETTINGS, latents=SETTINGS)
    recorded = recorder.num_recordings
    assert recorded > 4  # image encoder, structure and latent steps guided and not, decoders
    image = np.full((40, 40, 4), 255, np.uint8)
    model.generate([image, image], [0, 1], structure=SETTINGS, latents=SETTINGS)
    assert recorder.num_recordings == recorded
