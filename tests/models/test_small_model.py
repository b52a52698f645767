"""What saves memory must not change results."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.errors import GenerationError
from models.fast.residency import HostResident, with_resting_flows
from models.gaussians.gaussians import Gaussians
from models.trellis.image_to_3d import ImageTo3D, Made, SamplerSettings
from models.trellis.networks import load_networks
from models.weights import read_pipeline
from models.weights.trellis_layout import weights_file
from tests.stand_ins.tiny_weights import write_image_to_3d

FEW = SamplerSettings(steps=2)
BLOB = np.full((40, 40, 4), 200, np.uint8)
BLOB[..., 3] = 255


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "image_to_3d"
    write_image_to_3d(path)
    return path


def make(model: ImageTo3D, seeds: list[int]) -> list[Gaussians]:
    made = model.generate([BLOB] * len(seeds), seeds, structure=FEW, latents=FEW)
    assert all(isinstance(item, Made) for item in made), made
    return [item.gaussians for item in made if isinstance(item, Made)]


def test_a_small_model_gives_every_object_its_lone_result(folder: Path) -> None:
    lone = ImageTo3D.load(folder, device="cpu")
    small = ImageTo3D(with_resting_flows(load_networks(folder, device="cpu")))
    for seed, result in zip((3, 4), make(small, [3, 4]), strict=True):
        assert torch.equal(result.means, make(lone, [seed])[0].means)


def test_an_object_with_too_many_voxels_fails_alone(folder: Path) -> None:
    (failure,) = ImageTo3D.load(folder, device="cpu", max_voxels=1).generate(
        [BLOB], [3], structure=FEW, latents=FEW
    )
    assert isinstance(failure, GenerationError)
    assert "at most 1" in str(failure)


def test_other_flow_weights_drop_in(folder: Path, tmp_path: Path) -> None:
    role = "slat_flow_model"
    published = read_pipeline(folder).modules[role]
    distilled = tmp_path / "distilled"
    for suffix in (".json", ".safetensors"):
        source = published.with_name(published.name + suffix)
        distilled.with_suffix(suffix).write_bytes(source.read_bytes())
    overridden = read_pipeline(folder, {role: distilled})
    assert weights_file(overridden.modules[role]) == tmp_path / "distilled.safetensors"
    model = ImageTo3D.load(folder, device="cpu", overrides={role: distilled})
    assert torch.equal(make(model, [3])[0].means, make(ImageTo3D.load(folder, device="cpu"), [3])[0].means)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_weights_are_on_the_gpu_only_while_they_work() -> None:
    device = torch.device("cuda")
    layer = torch.nn.Linear(1024, 1024, device=device).requires_grad_(False)
    before = layer.weight.clone()
    residency = HostResident([layer], device)
    assert layer.weight.device.type == "cpu"
    with residency.on_device(layer):
        assert layer.weight.device.type == "cuda"
        assert torch.equal(layer.weight, before)
    assert layer.weight.device.type == "cpu"
