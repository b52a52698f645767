"""A judge of tiny random networks."""

from pathlib import Path

import pytest
import torch

from training.clip_family import SMOKE, create_clip, save_judge
from training.text.tokenizers import save_clip_tokenizer

TEXTS = ["a pink bicycle", "blue chair with yellow legs", "green tree", "42"] * 3


@pytest.fixture(scope="session")
def judge_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`clip/` and `aesthetics.safetensors`."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights") / "validation"
    vocabulary = save_clip_tokenizer(TEXTS, folder / "clip")
    head = torch.randn(1, SMOKE.embed_dim), torch.tensor([5.0])
    save_judge(create_clip(SMOKE, vocabulary), *head, SMOKE, folder)
    return folder
