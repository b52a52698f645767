"""Captions without a kind, specs of any colour, and several wordings of a pair."""

from collections import Counter

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from training.objects.catalog import KINDS
from training.objects.colors import COLOR_NAMES, color_named
from training.objects.kind import Kind
from training.prompt_sets import unseen_pairs
from training.text.captions import CaptionWriter
from training.text.kind_names import mentioned_kinds
from training.text.specs import Spec, draw_any_spec, draw_balanced_spec, held_out_pairs, is_held_out
from training.text.tables import write_captions

WRITER = CaptionWriter(KINDS)
PUMPKIN = next(kind for kind in KINDS if kind.name == "pumpkin")
seeds = st.integers(0, 2**32 - 1)


@example(seed=8005, color="red")
@settings(max_examples=80, deadline=None)
@given(seed=seeds, color=st.sampled_from(COLOR_NAMES))
def test_a_vague_caption_names_the_color_and_no_kind(seed: int, color: str) -> None:
    caption = WRITER.write_vague(Spec(kind="chair", color=color), np.random.default_rng(seed)).lower()
    assert any(word in caption for word in (color, *color_named(color).synonyms)), caption
    assert not mentioned_kinds(caption, KINDS), caption


@settings(max_examples=80, deadline=None)
@given(seed=seeds)
def test_a_vague_caption_with_a_colored_part_names_no_kind_but_the_part(seed: int) -> None:
    spec = Spec(kind="chair", color="red", part="legs", part_color="blue")
    caption = WRITER.write_vague(spec, np.random.default_rng(seed)).lower()
    assert "legs" in caption
    assert not mentioned_kinds(caption, KINDS), caption


def test_a_vague_caption_without_a_color_names_the_kind() -> None:
    rng = np.random.default_rng(0)
    captions = [WRITER.write_vague(Spec(kind="chair"), rng).lower() for _ in range(20)]
    assert all("chair" in mentioned_kinds(caption, KINDS) for caption in captions)


def test_vague_captions_follow_the_usual_ones_for_any_number_of_workers() -> None:
    specs = [Spec(kind="chair", color="red")] * 3
    rows = write_captions(specs, KINDS, repeats=2, vague=1, seed=5, workers=1)
    assert [len(row) for row in rows] == [3, 3, 3]
    assert not any(mentioned_kinds(row[-1], KINDS) for row in rows)
    assert rows == write_captions(specs, KINDS, repeats=2, vague=1, seed=5, workers=2)


def test_any_spec_draws_held_out_colors_too_and_never_two_equal_ones() -> None:
    rng = np.random.default_rng(0)
    specs = [draw_any_spec(PUMPKIN, rng) for _ in range(600)]
    assert {spec.color for spec in specs} == {None, *COLOR_NAMES}
    assert any(spec.color and is_held_out("pumpkin", spec.color) for spec in specs)
    assert all(spec.color != spec.part_color for spec in specs if spec.part)


@settings(max_examples=60, deadline=None)
@given(seed=seeds, kind=st.sampled_from(KINDS))
def test_balanced_specs_never_hold_a_held_out_pair(seed: int, kind: Kind) -> None:
    rng = np.random.default_rng(seed)
    colors = [draw_balanced_spec(kind, rng).color for _ in range(20)]
    assert not any(c and c != kind.default_color and is_held_out(kind.name, c) for c in colors)


def test_balanced_specs_seldom_show_the_usual_color() -> None:
    rng = np.random.default_rng(0)
    counts = Counter(draw_balanced_spec(PUMPKIN, rng).color for _ in range(2000))
    assert counts[PUMPKIN.default_color] < counts["brown"] / 2


def test_each_unseen_pair_comes_in_so_many_wordings() -> None:
    once, thrice = unseen_pairs(KINDS, 1000, 0), unseen_pairs(KINDS, 1000, 0, wordings=3)
    assert [p.text for p in thrice[: len(once)]] == [p.text for p in once]
    pairs = Counter((p.kind, p.color) for p in thrice)
    assert pairs.keys() == set(held_out_pairs(KINDS))
    assert set(pairs.values()) == {3}
    assert len({p.text for p in thrice}) > 0.9 * len(thrice)
