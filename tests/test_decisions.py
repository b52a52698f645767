"""docs/decisions: one file each, dated, and an index with the newest first."""

import re

from command_line.places import ROOT

FOLDER = ROOT / "docs" / "decisions"
LINK = re.compile(r"^- \[(.+)\]\((\S+)\)$", re.MULTILINE)


def test_every_decision_is_in_the_index_under_its_day_and_the_newest_first() -> None:
    sections = re.split(r"^## (\S+)\n", (FOLDER / "README.md").read_text(), flags=re.MULTILINE)[1:]
    days = sections[::2]
    assert days == sorted(set(days), reverse=True)
    listed = [
        (day, title, name)
        for day, section in zip(days, sections[1::2], strict=True)
        for title, name in LINK.findall(section)
    ]
    assert sorted(name for *_, name in listed) == sorted(
        file.name for file in FOLDER.iterdir() if file.name != "README.md"
    )
    for day, title, name in listed:
        assert name.startswith(day)
        assert (FOLDER / name).read_text().startswith(f"# {title}\n\n{day}\n\n"), name
