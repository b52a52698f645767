"""Fast paths draw what the plain pipeline draws; the prompt cache asks its encoder once."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.fast.flux.acceleration import Encoded, ImageSwitches, PromptCache, accelerate
from models.fast.quantization import scheme_named
from models.image.text_to_image import TextToImage
from tests.stand_ins.tiny_weights import write_text_to_image

ON = ImageSwitches(blocks=True, autoencoder=True, graphs=True, prompts=2, compiler="eager")
PROMPTS = ["a pink bicycle", "green tree", "a pink bicycle"]


class Encoder:
    """Counts its calls; a prompt's states are its length."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, prompt: list[str], *, max_sequence_length: int, device: str = "cpu") -> Encoded:
        self.asked += prompt
        length = torch.tensor([float(len(text)) for text in prompt], device=device)
        states = length[:, None, None].expand(-1, max_sequence_length, 4)
        return states, length[:, None].expand(-1, 3), torch.zeros(max_sequence_length, 3)


def test_a_prompt_seen_before_is_not_encoded_again() -> None:
    encoder = Encoder()
    cache = PromptCache(encoder, 4)
    cache(prompt="a cat", max_sequence_length=8)
    states, pooled, positions = cache(prompt=["a cat", "a bicycle"], max_sequence_length=8, device="cpu")
    assert encoder.asked == ["a cat", "a bicycle"]
    assert states[:, 0, 0].tolist() == pooled[:, 0].tolist() == [5.0, 9.0]
    assert states.shape == (2, 8, 4)
    assert positions.shape == (8, 3)


def test_another_length_is_another_entry() -> None:
    encoder = Encoder()
    cache = PromptCache(encoder, 4)
    assert cache(prompt="a cat", max_sequence_length=8)[0].shape[1] == 8
    assert cache(prompt="a cat", max_sequence_length=16)[0].shape[1] == 16


def test_the_oldest_prompt_goes_first() -> None:
    encoder = Encoder()
    cache = PromptCache(encoder, 2)
    for text in ("a", "b", "a", "c", "a", "b"):
        cache(prompt=text, max_sequence_length=8)
    assert encoder.asked == ["a", "b", "c", "b"]


def test_states_given_by_the_caller_are_refused() -> None:
    with pytest.raises(ValueError, match="prompt_embeds"):
        PromptCache(Encoder(), 2)(prompt="a", max_sequence_length=8, prompt_embeds=torch.zeros(1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("flux") / "text_to_image"
    write_text_to_image(path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("schemes", [("none", "none"), ("fp8", "nf4"), ("fp8", "fp8")])
def test_all_switches_together_change_rounding_only(folder: Path, schemes: tuple[str, str]) -> None:
    transformer, text_encoder = map(scheme_named, schemes)
    plain = TextToImage.load(
        folder, device="cpu", transformer_scheme=transformer, text_encoder_scheme=text_encoder
    )
    before = plain.generate(PROMPTS[:1], [0], steps=2, resolution=64, max_sequence_length=32)
    fast = accelerate(plain, ON)
    for size in (1, 3):
        expected, made = (
            model.generate(PROMPTS[:size], range(size), steps=2, resolution=64, max_sequence_length=32)
            for model in (plain, fast)
        )
        assert np.ptp(expected[0]) > 0
        assert np.abs(np.stack(made).astype(int) - np.stack(expected)).max() <= 1
        if size == 1:
            assert np.array_equal(expected, before)  # the plain model is as it was
