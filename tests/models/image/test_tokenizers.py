"""The trained tokenizers behave alike here and in `transformers`, for any text."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, CLIPTokenizer, T5TokenizerFast

from command_line.places import ROOT
from models.image.flux_parts import load_t5_tokenizer
from training.text.tokenizers import (
    BOS,
    EOS,
    MAX_TOKENS,
    clip_token_ids,
    save_clip_tokenizer,
    save_t5_tokenizer,
    t5_token_ids,
)

EMBEDDED = ROOT / "models/embedded/text_to_image"
TEXTS = [
    "a shiny pink bicycle",
    "blue chair with yellow legs",
    "Green tree, old",
    "crimson snow-covered car",
] * 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizers")
    save_clip_tokenizer(TEXTS, folder / "clip", vocabulary=700)
    save_t5_tokenizer(TEXTS, folder / "t5", vocabulary=300)
    return folder


def padded(tokenizer: CLIPTokenizer | T5TokenizerFast, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, padding="max_length", max_length=MAX_TOKENS, truncation=True).input_ids
    return ids


ANY_TEXT = st.text(st.characters(exclude_characters="<", exclude_categories=["Cs"]), max_size=80)
"""Without "<": the literal text of a special token is read as that token by `transformers` alone."""


@settings(deadline=None, max_examples=40)
@given(texts=st.lists(ANY_TEXT | st.sampled_from(TEXTS), min_size=1, max_size=8))
def test_clip_ids_equal_those_of_transformers(folder: Path, texts: list[str]) -> None:
    tokenizer = CLIPTokenizer.from_pretrained(folder / "clip")
    assert clip_token_ids(folder / "clip", texts) == [padded(tokenizer, text) for text in texts]


@settings(deadline=None, max_examples=40)
@given(texts=st.lists(ANY_TEXT | st.sampled_from(TEXTS), min_size=1, max_size=8))
def test_t5_ids_equal_those_of_the_service(folder: Path, texts: list[str]) -> None:
    tokenizer = load_t5_tokenizer(folder / "t5")
    assert t5_token_ids(folder / "t5", texts) == [padded(tokenizer, text) for text in texts]


def test_clip_ignores_case_and_ends_with_its_largest_id(folder: Path) -> None:
    lower, upper = clip_token_ids(folder / "clip", ["pink bicycle", "PINK Bicycle"])
    assert lower == upper
    tokenizer = AutoTokenizer.from_pretrained(folder / "clip")
    assert tokenizer.convert_tokens_to_ids(EOS) == max(tokenizer.get_vocab().values()) == max(lower)
    assert lower[0] == tokenizer.convert_tokens_to_ids(BOS)


def test_the_shipped_family_ignores_case() -> None:
    tokenizer = load_t5_tokenizer(EMBEDDED / "tokenizer_2")
    assert tokenizer("A YELLOW Rocket").input_ids == tokenizer("a yellow rocket").input_ids


def test_known_words_are_single_tokens(folder: Path) -> None:
    tokenizer = T5TokenizerFast.from_pretrained(folder / "t5")
    assert tokenizer.tokenize("blue chair, with yellow legs") == [
        "▁blue",
        "▁chair",
        ",",
        "▁with",
        "▁yellow",
        "▁legs",
    ]


def test_long_texts_are_cut_and_keep_their_end(folder: Path) -> None:
    ids = clip_token_ids(folder / "clip", ["pink " * 100])[0]
    assert len(ids) == MAX_TOKENS
    assert ids[-1] == max(ids)
