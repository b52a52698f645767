"""Names of results: apart for every two prompts, valid everywhere, and no result over another."""

import os
import unicodedata
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line.names import set_aside, stem_of, write_new

LONG = "a red chair with four legs " * 5
PROMPTS = (
    "pink bicycle",
    "Pink bicycle",
    "pink bicycle!",
    "pink-bicycle",
    "pink  bicycle",
    "红色的自行车",
    "синий стул",
    "Синий стул",
    "कुर्सी",
    "เก้าอี้",
    "straße",
    "strasse",
    "🚲",
    "🚗",
    "👩🏽‍🚀",
    "👩🏿‍🚀",
    "?",
    "...",
    "con",
    "nul",
    "con.",
    "object",
    LONG + "x",
    LONG + "y",
    "红" * 300,
    "红" * 301,
    "../../etc/passwd",
    "a/b",
    "a\\b",
    "seed",
)
FILES = {"ply": b"ply", "png": b"png"}


def folded(name: str) -> str:
    """As a file system without case compares names."""
    return unicodedata.normalize("NFC", name.casefold())


def test_a_plain_prompt_is_its_own_name() -> None:
    assert stem_of("pink bicycle") == "pink-bicycle"
    assert stem_of("красный стул") == "красный-стул"
    assert stem_of("椅子") == "椅子"
    assert stem_of("🚲") == "🚲"


def test_every_two_prompts_have_names_apart() -> None:
    names = [folded(stem_of(prompt)) for prompt in PROMPTS]
    assert [
        pair for pair in combinations(zip(names, PROMPTS, strict=True), 2) if pair[0][0] == pair[1][0]
    ] == []


def test_one_text_in_two_normal_forms_is_one_prompt() -> None:
    assert stem_of(unicodedata.normalize("NFD", "café")) == stem_of("café") == "café"


@given(st.text())
def test_a_name_is_valid_on_every_file_system(prompt: str) -> None:
    name = stem_of(prompt.encode(errors="replace").decode())
    assert 0 < len(f"{name}-seed-4294967295-9999.ply".encode()) <= 143
    assert not set(name) & set('<>:"/\\|?*. \0\n\t')
    assert name == folded(name)
    assert name not in {"con", "prn", "aux", "nul", "com1", "lpt1"}


@given(st.text(), st.text())
def test_other_prompts_have_other_names(one: str, other: str) -> None:
    texts = [unicodedata.normalize("NFC", text.encode(errors="replace").decode()) for text in (one, other)]
    assert (folded(stem_of(texts[0])) == folded(stem_of(texts[1]))) == (texts[0] == texts[1])


def test_another_object_of_a_prompt_stands_beside_the_first(tmp_path: Path) -> None:
    write_new(tmp_path, "chair", FILES, detail="seed-1")
    write_new(tmp_path, "chair", FILES | {"ply": b"other"}, detail="seed-2")
    write_new(tmp_path, "chair", FILES | {"ply": b"third"}, detail="seed-2")
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.ply")} == {
        "chair.ply": b"ply",
        "chair-seed-2.ply": b"other",
        "chair-seed-2-2.ply": b"third",
    }
    assert len(list(tmp_path.glob("*.png"))) == 3


def test_the_same_object_again_is_left_alone(tmp_path: Path) -> None:
    first = write_new(tmp_path, "chair", FILES, detail="seed-1")
    again = write_new(tmp_path, "chair", FILES, detail="seed-1")
    assert list(first) == list(again)
    assert not any(again.values())
    assert len(list(tmp_path.iterdir())) == 2


def test_files_of_one_object_share_a_name_that_is_free_for_all(tmp_path: Path) -> None:
    (tmp_path / "chair.png").write_bytes(b"a picture of someone's")
    written = write_new(tmp_path, "chair", FILES, detail="seed-1")
    assert [path.name for path in written] == ["chair-seed-1.ply", "chair-seed-1.png"]
    assert (tmp_path / "chair.png").read_bytes() == b"a picture of someone's"


def test_a_file_that_cannot_be_written_leaves_no_half_result(tmp_path: Path) -> None:
    files = {"ply": b"ply", "png/x": b""}
    with pytest.raises(OSError, match="png"):
        write_new(tmp_path, "chair", files)
    assert os.listdir(tmp_path) == []


def test_an_earlier_report_is_kept_under_another_name(tmp_path: Path) -> None:
    for text in ("first", "second", "third"):
        set_aside(tmp_path / "stages.json")
        (tmp_path / "stages.json").write_text(text)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "stages-1.json": "first",
        "stages-2.json": "second",
        "stages.json": "third",
    }
