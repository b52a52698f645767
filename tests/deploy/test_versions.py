"""One version everywhere: what is deployed is what is described."""

import re

import yaml

from command_line.places import ROOT
from gateway import VERSION

TEXTS = [
    path
    for path in (*(ROOT / "deploy").rglob("*"), ROOT / "docs/deploy.md")
    if path.suffix in (".yaml", ".json", ".md", ".js", ".service", ".sh") or path.name == "Dockerfile"
]


def test_every_image_named_is_this_version() -> None:
    named = {
        version
        for path in TEXTS
        for version in re.findall(r"fast_3d_miner:(\d+\.\d+\.\d+)", path.read_text(encoding="utf-8"))
    }
    assert named == {VERSION}


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == VERSION


def test_updates_are_looked_for_where_requirements_are() -> None:
    told = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())
    folders = {entry["directory"] for entry in told["updates"] if entry["package-ecosystem"] == "pip"}
    for folder in folders:
        assert list((ROOT / folder.lstrip("/")).glob("requirements*.txt"))
    assert folders >= {"/", "/deploy/runpod"}
