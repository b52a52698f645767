"""Smaller vocabularies and narrower layers: what is kept works as before."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from training.shrinking import keep_rows, narrow_hidden_layers, update_config
from training.text.shrinking import ancestry, shrink_clip_tokenizer, shrink_t5_tokenizer, usage_texts
from training.text.tokenizers import clip_token_ids, t5_token_ids

EMBEDDED = Path("models/embedded/text_to_image")
COMMON = ["red chair", "brown lighthouse", "blue chair"]
RARE = "extravagant zeppelin"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(EMBEDDED / "tokenizer", tmp_path / "tokenizer")
    shutil.copytree(EMBEDDED / "tokenizer_2", tmp_path / "tokenizer_2")
    return tmp_path


def test_clip_splits_common_texts_as_before_and_rare_ones_into_smaller_pieces(folder: Path) -> None:
    texts = [*COMMON, RARE]
    before = clip_token_ids(EMBEDDED / "tokenizer", texts)
    kept = shrink_clip_tokenizer(folder / "tokenizer", COMMON * 10, 600)
    after = clip_token_ids(folder / "tokenizer", texts)
    vocabulary = json.loads((folder / "tokenizer" / "vocab.json").read_text())
    assert len(kept) == len(vocabulary) <= 600
    assert [[kept[i] for i in ids] for ids in after[:3]] == before[:3]
    assert used(after[3], pad=after[3][-1]) > used(before[3], pad=before[3][-1])


def test_t5_splits_common_texts_as_before_and_still_spells_rare_ones(folder: Path) -> None:
    unknown = 2
    before = t5_token_ids(EMBEDDED / "tokenizer_2", COMMON)
    kept = shrink_t5_tokenizer(folder / "tokenizer_2", COMMON * 10, 200)
    after = t5_token_ids(folder / "tokenizer_2", [*COMMON, RARE])
    assert len(kept) <= 200
    assert [[kept[i] for i in ids] for ids in after[:3]] == before
    assert unknown not in after[3]


def test_ancestry_names_every_merge_a_token_is_made_of() -> None:
    merges = {"abc": ("ab", "c"), "ab": ("a", "b"), "xy": ("x", "y")}
    assert set(ancestry("abc", merges)) == {"abc", "ab"}
    assert not set(ancestry("a", merges))


def test_usage_texts_name_every_color_often() -> None:
    texts = usage_texts(5)
    assert all(texts.count(name) >= 100 for name in ("gold", "lighthouse", "wooden", "legs"))


def test_kept_rows_keep_their_values() -> None:
    state = {"table": torch.arange(12.0).view(6, 2)}
    keep_rows(state, "table", [5, 0])
    assert state["table"].tolist() == [[10, 11], [0, 1]]


def test_a_layer_without_its_dead_neurons_computes_the_same() -> None:
    torch.manual_seed(0)
    into, out = nn.Linear(4, 10), nn.Linear(10, 4)
    layer = nn.Sequential(into, nn.GELU(), out)
    with torch.no_grad():
        out.weight[:, [1, 4, 7]] = 0
    state = dict(layer.state_dict())
    narrow_hidden_layers(state, 7, ("0.weight", "2.weight"))
    small = nn.Sequential(nn.Linear(4, 7), nn.GELU(), nn.Linear(7, 4))
    small.load_state_dict(state)
    x = torch.randn(5, 4)
    torch.testing.assert_close(small(x), layer(x))


def test_a_config_changes_only_values_it_has(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"vocab_size": 10, "width": 3}')
    update_config(file, vocab_size=7)
    assert json.loads(file.read_text()) == {"vocab_size": 7, "width": 3}
    with pytest.raises(AssertionError):
        update_config(file, vocabulary=7)


def used(ids: list[int], pad: int) -> int:
    """Tokens before the padding."""
    return sum(index != pad for index in ids)
