"""Specs, captions and unknown prompts: what they say is what is drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.objects.catalog import KINDS
from training.objects.colors import COLOR_NAMES, COLOR_SRGB, SYNONYM_TO_COLOR, color_named
from training.objects.kind import Kind
from training.text.captions import CaptionWriter
from training.text.kind_names import mentioned_kinds
from training.text.specs import (
    Spec,
    captioned_parts,
    draw_spec,
    held_out_pairs,
    is_held_out,
    part_colors,
    training_colors,
)
from training.text.tables import write_captions, write_unknown_prompts
from training.text.unknown_prompts import UnknownPromptWriter

CHAIR = next(kind for kind in KINDS if kind.name == "chair")
WRITER, STRANGERS = CaptionWriter(KINDS), UnknownPromptWriter(KINDS)
seeds = st.integers(0, 2**32 - 1)
HELD_OUT = frozenset(held_out_pairs(KINDS))


def test_there_are_enough_kinds_and_colors() -> None:
    assert len(KINDS) >= 40
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert len(COLOR_NAMES) == 13


def test_colors_keep_their_distance() -> None:
    values = np.array(list(COLOR_SRGB.values()))
    distance = np.linalg.norm(values[:, None] - values[None], axis=-1) + 9 * np.eye(len(values))
    assert distance.min() > 0.2  # orange and gold are nearest, 0.23


def test_no_word_means_two_colors_or_two_kinds() -> None:
    nouns = [noun for kind in KINDS for noun in (kind.name, *kind.synonyms)]
    assert len(set(nouns)) == len(nouns)
    assert all(color_named(word).name == name for word, name in SYNONYM_TO_COLOR.items())


@settings(deadline=None)
@given(kind=st.sampled_from(KINDS), seed=seeds)
def test_training_never_draws_a_held_out_pair(kind: Kind, seed: int) -> None:
    spec = draw_spec(kind, np.random.default_rng(seed))
    assert spec.color is None or (spec.kind, spec.color) not in HELD_OUT


def test_about_one_pair_in_thirteen_is_held_out_and_every_kind_keeps_most_colors() -> None:
    pairs = HELD_OUT
    assert 0.04 < len(pairs) / (len(KINDS) * len(COLOR_NAMES)) < 0.12
    assert all(len(training_colors(kind)) >= 8 for kind in KINDS)
    assert all(is_held_out(*pair) for pair in pairs)


def test_the_named_part_and_the_main_color_reach_the_object() -> None:
    colors = part_colors(CHAIR, Spec(kind="chair", color="blue", part="legs", part_color="yellow"))
    names = [part.name for part in CHAIR.parts]
    assert colors[0] == "blue"
    assert colors[names.index("legs")] == "yellow"
    assert part_colors(CHAIR, Spec(kind="chair"))[0] == CHAIR.default_color


@settings(max_examples=60, deadline=None)
@given(seed=seeds, index=st.integers(0, len(KINDS) - 1))
def test_a_caption_names_its_kind_and_its_colors(seed: int, index: int) -> None:
    rng = np.random.default_rng(seed)
    spec = draw_spec(KINDS[index], rng)
    caption = WRITER.write(spec, rng)
    assert spec.kind in mentioned_kinds(caption, KINDS)
    said = {color for word, color in SYNONYM_TO_COLOR.items() if word in caption.lower()}
    assert {spec.color, spec.part_color} - {None} <= said


@settings(max_examples=60, deadline=None)
@given(seed=seeds)
def test_an_unknown_prompt_mentions_no_kind(seed: int) -> None:
    assert mentioned_kinds(STRANGERS.write(np.random.default_rng(seed)), KINDS) == set()


def test_captions_follow_from_the_seed_alone() -> None:
    specs = [Spec(kind=kind.name, color="red") for kind in KINDS]
    one, again = (write_captions(specs, KINDS, repeats=3, seed=5, workers=1) for _ in range(2))
    assert one == again
    assert [len(row) for row in one] == [3] * len(KINDS)
    assert write_unknown_prompts(50, KINDS, seed=1, workers=1) != write_unknown_prompts(
        50, KINDS, seed=2, workers=1
    )


def test_captions_vary() -> None:
    rows = write_captions([Spec(kind="chair", color="pink")], KINDS, repeats=200, seed=0, workers=1)
    assert len(set(rows[0])) > 150


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("statue of a horse next to a tree", {"horse", "tree"}),
        ("coconut palm tree", {"palm tree"}),
        ("rose gold bracelet", set()),
        ("red rose", {"flower"}),
        ("carpet", set()),
    ],
)
def test_mentions_are_whole_words_and_the_longest_counts(prompt: str, expected: set[str]) -> None:
    assert mentioned_kinds(prompt, KINDS) == expected


def test_every_kind_can_be_captioned_with_each_of_its_parts() -> None:
    rng = np.random.default_rng(0)
    for kind in KINDS:
        for part in captioned_parts(kind):
            assert WRITER.write(Spec(kind=kind.name, color="red", part=part, part_color="blue"), rng)
