"""What README.md and docs/*.md name in code exists: commands of make, programs, modules, files, folders.

Only what is clearly such a name is held to it: addresses, media types and places on other machines are none.
"""

import os
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from command_line.places import ROOT
from tests.import_graph import RESULTS, modules, top_level

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^(?: {4}|\t).*$", re.MULTILINE)
SPAN = re.compile(r"`([^`]+)`")
PATH = re.compile(r"\.?\w[\w.-]*(/\.?\w[\w.-]*)*/?")
BETWEEN = re.compile(r"<br/>|[\s\"'`()\[\]{},;|]+")
SOURCES = (".py", ".md", ".yaml", ".yml", ".sh", ".js", ".json", ".toml", ".txt", ".service")
HIDDEN = {".ci", ".github"}
ELSEWHERE = {
    "roll.json",  # lies in memory while the service runs
    "cache/",  # of a pod's network volume
}


def code_of(text: str) -> str:
    """Blocks and spans, one after the other."""
    plain = FENCED.sub("", text)
    return "\n".join(
        [*FENCED.findall(text), *INDENTED.findall(plain), *SPAN.findall(INDENTED.sub("", plain))]
    )


def paths_in(code: str) -> Iterator[str]:
    """Names of the project's files and folders.

    They begin with one of its places, end as sources do, or end with a slash.
    """
    for word in BETWEEN.split(code):
        name = word.rstrip(".:")
        if not PATH.fullmatch(name) or name in ELSEWHERE:
            continue
        inside = "/" in name and name.split("/")[0] in places()
        if inside or name.endswith(("/", *SOURCES)):
            yield name


@cache
def places() -> frozenset[str]:
    """What lies in the project's root."""
    return frozenset(path.name for path in ROOT.iterdir()) - RESULTS


@cache
def everything() -> frozenset[str]:
    """Every file and folder of the project, behind a slash."""
    found = set[str]()
    for folder, inner, files in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)
        inner[:] = [
            name
            for name in inner
            if (name in HIDDEN or not name.startswith((".", "__pycache__")))
            and not (folder == str(ROOT) and name in RESULTS)
        ]
        found.update(f"/{(here / name).as_posix()}" for name in (*inner, *files))
    return frozenset(found)


def exists(name: str) -> bool:
    """From the root; a name that begins elsewhere may stand for any place that ends so."""
    end = f"/{name.rstrip('/')}"
    if "/" in name.rstrip("/") and name.split("/")[0] in places():
        return end in everything()
    return any(place.endswith(end) for place in everything())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_folders_exist(page: Path) -> None:
    assert [name for name in paths_in(code_of(page.read_text())) if not exists(name)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_make_exist(page: Path) -> None:
    known = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z][a-z-]*)", code_of(page.read_text()))) - known == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_that_are_run_are_programs(page: Path) -> None:
    run = re.findall(r"\bpython3? -m ([\w.]*\w)", code_of(page.read_text()))
    assert [name for name in run if name.split(".")[0] in top_level() and not is_program(name)] == []


def is_program(module: str) -> bool:
    """Whether `python -m` does something with it."""
    file = modules().get(f"{module}.__main__") or modules().get(module)
    if file is None or (file.name == "__init__.py"):
        return False
    return file.name == "__main__.py" or 'if __name__ == "__main__":' in file.read_text()


def test_commands_of_an_installation_are_declared() -> None:
    declared = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"])
    named = {name for page in PAGES for name in re.findall(r"\bfast3d-[a-z]+", code_of(page.read_text()))}
    assert named == declared


def test_the_readmes_tree_names_every_folder() -> None:
    tree = (ROOT / "README.md").read_text().partition("## The tree\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"^ {4}([\w.]+)/", tree, re.MULTILINE))
    folders = {name for name in places() if (ROOT / name).is_dir() and not name.startswith((".", "__"))}
    assert named - HIDDEN == folders


def test_names_are_told_from_what_looks_like_them() -> None:
    code = code_of(
        "Any `video/mp4` at `http://host:80/generate/`, `/dev/shm`, `WEIGHTS_DIR=/a/b.yaml`; gateway/x.py;\n"
        "`gateway/gone.py` or `gone.yaml`.\n\n"
        "    gone/   a folder, docs/gone\n\n"
        "```\nserves, runners/gone<br/>now\n```\n"
    )
    assert sorted(paths_in(code)) == ["docs/gone", "gateway/gone.py", "gone.yaml", "gone/", "runners/gone"]
    assert not any(map(exists, paths_in(code)))
    assert exists("README.md")
    assert exists("kernels/")
    assert not is_program("models")
    assert not is_program("export.ply")
    assert is_program("models.conformance")
