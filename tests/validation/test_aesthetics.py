"""The linear aesthetics head, in both file formats, and the published ones."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from command_line.places import ROOT
from models.errors import WeightsError
from validation.aesthetics import AestheticsHead, find_head

PUBLISHED = ROOT.parent / "shared" / "data" / "laion_aesthetics"


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    return {"weight": torch.tensor([[1.0, 2.0, -1.0]]), "bias": torch.tensor([5.0])}


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_both_formats_rate_alike(tmp_path: Path, state: dict[str, torch.Tensor], suffix: str) -> None:
    file = tmp_path / f"head{suffix}"
    if suffix == ".pth":
        torch.save(state, file)
    else:
        save_file(state, file)
    head = AestheticsHead.load(file, device="cpu")
    torch.testing.assert_close(
        head.rate(torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])), torch.tensor([6.0, 4.0])
    )


def test_a_pth_that_holds_code_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "head.pth"
    torch.save(torch.nn.Linear(3, 1), file)
    with pytest.raises(WeightsError, match=r"cannot load .*head\.pth"):
        AestheticsHead.load(file, device="cpu")


@pytest.mark.parametrize("content", [b"", b"no weights at all"])
@pytest.mark.parametrize("name", ["head.safetensors", "head.pth"])
def test_a_damaged_file_is_a_weights_error(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError):
        AestheticsHead.load(tmp_path / name, device="cpu")


@pytest.mark.usefixtures("unchecked")
def test_a_head_of_another_shape_is_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(2, 3), "bias": torch.zeros(2)}, tmp_path / "head.safetensors")
    with pytest.raises(WeightsError, match="shapes"):
        AestheticsHead.load(tmp_path / "head.safetensors", device="cpu")


def test_two_heads_in_a_folder_are_ambiguous(tmp_path: Path) -> None:
    for name in ("a.pth", "b.safetensors"):
        (tmp_path / name).touch()
    with pytest.raises(WeightsError, match="2 aesthetics heads"):
        find_head(tmp_path)


def test_ratings_of_the_published_head_rise_with_the_published_ratings() -> None:
    head_file = PUBLISHED / "sa_0_4_vit_b_32_linear.pth"
    if not head_file.is_file():
        pytest.skip("the LAION aesthetics heads are not here")
    head = AestheticsHead.load(head_file, device="cpu")
    files = [PUBLISHED / f"vit_b_32_rating{rating}.npy" for rating in range(10)]
    ratings = [float(head.rate(torch.from_numpy(np.load(file)))) for file in files]
    assert all(np.diff(ratings) > 0)  # -1.5 for rating 0, 11.0 for rating 9


def test_the_published_head_for_vit_l_rates_its_embeddings() -> None:
    head_file = PUBLISHED / "sa_0_4_vit_l_14_linear.pth"
    if not head_file.is_file():
        pytest.skip("the LAION aesthetics heads are not here")
    assert AestheticsHead.load(head_file, device="cpu").embedding_size == 768
