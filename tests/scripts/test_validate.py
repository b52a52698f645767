"""`fast3d-validate`: verdicts of files, with stand-in models."""

import csv
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from export.ply import write_ply
from export.splat_glb import write_splat_glb
from export.spz import write_spz
from scripts import validate
from tests.serving import placeholder_weights
from tests.stand_ins import fakes

SPLATS = fakes.ball((0.2, 0.4, 0.6), seed=1).scaled(1.5 / 0.8)
Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Run]:
    """Runs the command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEIGHTS_DIR", str(placeholder_weights()))
    monkeypatch.setenv("MINER__PROFILE", "embedded")
    monkeypatch.setenv("MINER__VALIDATION__VIEW_SIZE", "64")

    def main(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["fast3d-validate", *arguments])
        return validate.main()

    with fakes.installed():
        yield main


def test_one_file_gives_its_verdict_as_json_and_a_contact_sheet(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mug.ply").write_bytes(write_ply(SPLATS))
    assert run("mug.ply", "--prompt", "a mug") == 0
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["file"], verdict["passed"], verdict["gate"]) == ("mug.ply", True, None)
    assert verdict["num_splats"] == 7000
    assert verdict["extent"] == pytest.approx(1.5, abs=0.01)
    assert verdict["score"] == {"total": None, "alignment": 1.0, "aesthetics": 9.0, "parts": {}}
    with Image.open(tmp_path / "out" / "mug.ply.sheet.png") as sheet:
        assert sheet.size[0] > 2 * sheet.size[1] * 0.9
    assert run("mug.ply", "--prompt", "an ugly mug") == 3
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["passed"], verdict["gate"]) == (False, "alignment")
    assert "alignment -1.000 is below" in verdict["reason"]


def test_a_folder_gives_a_table_and_a_csv_with_each_ones_own_prompt(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "a.ply").write_bytes(write_ply(SPLATS))
    (folder / "a.txt").write_text("a mug\n")
    (folder / "b.spz").write_bytes(write_spz(SPLATS))
    (folder / "b.txt").write_text("an ugly mug")
    (folder / "c.glb").write_bytes(write_splat_glb(SPLATS))
    (folder / "d.spz").write_bytes(b"no splats")
    (folder / "notes.md").write_text("not looked at")
    assert run("made") == 3
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 5
    with (tmp_path / "out" / "verdicts.csv").open(newline="") as file:
        rows = {Path(row["file"]).name: row for row in csv.DictReader(file)}
    assert {name: row["passed"] for name, row in rows.items()} == {
        "a.ply": "True",
        "b.spz": "False",
        "c.glb": "True",
        "d.spz": "False",
    }
    assert [rows[name]["gate"] for name in ("b.spz", "d.spz")] == ["alignment", "format"]
    assert (rows["a.ply"]["alignment"], rows["c.glb"]["alignment"]) == ("1.0", "")
    assert len(list((tmp_path / "out").glob("*.sheet.png"))) == 3
    assert run("made") == 3
    assert (tmp_path / "out" / "verdicts-1.csv").is_file()  # nothing is written over


def test_a_picture_is_cut_out_and_compared(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mug.spz").write_bytes(write_spz(SPLATS, version=4))
    Image.fromarray(fakes.write_prompt("a mug")).save(tmp_path / "mug.png")
    assert run("mug.spz", "--image", "mug.png") == 0
    score = json.loads(capsys.readouterr().out)["score"]
    assert (score["alignment"], score["parts"]) == (None, {"similarity": 1.0})
    Image.fromarray(fakes.write_prompt("nothing")).save(tmp_path / "empty.png")
    with pytest.raises(SystemExit, match="nothing to see"):
        run("mug.spz", "--image", "empty.png")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent.ply"], "absent.ply is not there"),
        (["."], "no .ply, .spz, .glb in"),
        (["mug.ply", "--image", "absent.png"], "absent.png"),
        (["mug.ply", "--image", "mug.ply"], "picture"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    run: Run, tmp_path: Path, arguments: list[str], words: str
) -> None:
    if arguments != ["."]:
        (tmp_path / "mug.ply").write_bytes(write_ply(SPLATS))
    with pytest.raises(SystemExit, match=words) as ended:
        run(*arguments)
    assert "\n" not in str(ended.value)
