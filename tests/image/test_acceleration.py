"""The prompt cache answers as the encoder would, and asks it once."""

import pytest
import torch

from models.image.acceleration import Encoded, PromptCache


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
