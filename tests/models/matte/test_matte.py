"""ISNet and cutting out."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.errors import EmptyMatteError, WeightsError
from models.fast.graphs import GraphRecorder
from models.fast.matte import recorded_matte
from models.matte import Isnet, IsnetConfig, MatteCutter
from models.matte.networks.isnet import IsnetNetwork

SMALL = IsnetConfig.narrow(width_divisor=16, input_size=64)


class CentreMatte(Isnet):
    """Finds an object in the middle of bright images only."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        matte = torch.zeros_like(images[:, :1])
        matte[:, :, 16:48, 16:48] = (images.mean(dim=(1, 2, 3)) > 0)[:, None, None, None].float()
        return matte


def test_the_matte_is_the_sigmoid_of_the_finest_side_at_the_images_size() -> None:
    isnet = Isnet(SMALL).eval()
    images = torch.rand(2, 3, 50, 70) - 0.5
    with torch.inference_mode():
        sides = isnet.side_logits(images)
        matte = isnet(images)
    assert [side.shape for side in sides] == [(2, 1, 50, 70)] * 6
    torch.testing.assert_close(matte, sides[0].sigmoid())


def test_narrow_networks_keep_the_shape_of_the_published_one() -> None:
    with torch.device("meta"):
        narrow, full = Isnet(SMALL), Isnet(IsnetConfig.published())
    assert narrow.state_dict().keys() == full.state_dict().keys()


def test_every_side_trains_every_parameter() -> None:
    isnet = Isnet(SMALL)
    loss = sum(
        (side.square().mean() for side in isnet.side_logits(torch.randn(2, 3, 64, 64))), torch.zeros(())
    )
    torch.autograd.backward(loss)
    assert all(p.grad is not None for p in isnet.parameters())


def test_replayed_networks_give_the_same_mattes_one_by_one() -> None:
    images = [np.full((size, 48, 3), 255, np.uint8) for size in (40, 56, 40)]
    network = IsnetNetwork(CentreMatte(SMALL))
    plain = MatteCutter(network).cut_out(images)
    replayed = MatteCutter(recorded_matte(network, GraphRecorder("cpu"))).cut_out(images)
    for actual, expected in zip(replayed, plain, strict=True):
        assert isinstance(actual, np.ndarray)
        assert isinstance(expected, np.ndarray)
        assert np.array_equal(actual, expected)


def test_images_of_any_size_get_their_own_alpha_and_empty_ones_an_error() -> None:
    bright, dark = np.full((40, 80, 3), 250, np.uint8), np.zeros((64, 64, 3), np.uint8)
    first, empty, last = MatteCutter(IsnetNetwork(CentreMatte(SMALL))).cut_out([bright, dark, bright[:20]])
    assert isinstance(empty, EmptyMatteError)
    assert isinstance(first, np.ndarray)
    assert isinstance(last, np.ndarray)
    assert first.shape == (40, 80, 4)
    assert last.shape == (20, 80, 4)
    assert first[20, 40].tolist() == [250, 250, 250, 255]
    assert first[0, 0, 3] == 0


@pytest.mark.parametrize("half", [False, True])
def test_a_saved_folder_loads_strictly(half: bool, tmp_path: Path) -> None:
    isnet = Isnet(SMALL)
    state = {
        name: t.half() if half and t.is_floating_point() else t for name, t in isnet.state_dict().items()
    }
    (tmp_path / "config.json").write_text(json.dumps(dataclasses.asdict(SMALL)))
    save_file(state, tmp_path / "isnet.safetensors")
    network = MatteCutter.load(tmp_path, device="cpu").network
    assert isinstance(network, IsnetNetwork)
    loaded = network.isnet
    assert loaded.config.input_size == 64
    torch.testing.assert_close(loaded.state_dict(), isnet.state_dict(), rtol=1e-3, atol=1e-4)
    del state["side1.weight"]
    save_file(state, tmp_path / "isnet.safetensors")
    with pytest.raises(WeightsError, match=r"side1\.weight"):
        MatteCutter.load(tmp_path, device="cpu")


@pytest.mark.parametrize("named", ["file", "folder"])
def test_a_published_file_loads_only_if_it_holds_the_published_tensors(named: str, tmp_path: Path) -> None:
    file = tmp_path / "isnet-general-use.pth"
    torch.save(Isnet(SMALL).state_dict(), file)
    with pytest.raises(WeightsError, match=r"isnet-general-use\.pth does not fit"):
        MatteCutter.load(file if named == "file" else tmp_path, device="cpu")


@pytest.mark.parametrize("content", ['{"widths": [1, 2]}', '{"surplus": 1}', "not json"])
def test_impossible_configs_are_weights_errors(content: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(WeightsError, match="not an ISNet config"):
        MatteCutter.load(tmp_path, device="cpu")
