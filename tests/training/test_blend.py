"""Weights half-way between two trainings."""

import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from training.blend import blend, main


def test_the_share_leads_from_one_file_to_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = (torch.randn(3, 2).half() for _ in range(2))
    save_file({"w": before}, tmp_path / "a.safetensors", metadata={"format": "pt"})
    save_file({"w": after}, tmp_path / "b.safetensors")
    for share in ("0", "0.25", "1"):
        arguments = ["a.safetensors", "b.safetensors", "--share", share, "--out", "c.safetensors"]
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["blend", *arguments])
        main()
        mixed = load_file(tmp_path / "c.safetensors")["w"]
        expected = before.double() * (1 - float(share)) + after.double() * float(share)
        assert mixed.dtype == torch.float16
        torch.testing.assert_close(mixed.double(), expected, rtol=1e-3, atol=1e-3)
    with safe_open(tmp_path / "c.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}


@pytest.mark.parametrize("other", [{"v": torch.zeros(2)}, {"w": torch.zeros(3)}, {}])
def test_files_of_different_networks_are_refused(other: dict[str, torch.Tensor]) -> None:
    with pytest.raises(ValueError, match="same names and shapes"):
        blend({"w": torch.zeros(2)}, other, 0.5)
