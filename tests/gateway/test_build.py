"""What /version says of the build."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from starlette.testclient import TestClient

from command_line.places import ROOT
from gateway.build import describe_build

NOTHING = {"commit": "unknown", "image": "unknown", "bento": "unknown"}


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one commit."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "file").write_text("1")
    git(folder, "add", "file")
    git(folder, "commit", "-qm", "first")
    return folder


def test_a_checkout_names_its_commit_and_changes(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    assert describe_build(checkout, {}) == NOTHING | {"commit": commit}
    git(checkout, "tag", "v9")  # a tag's name must not take the place of the commit
    assert describe_build(checkout, {})["commit"] == commit
    (checkout / "file").write_text("2")
    assert describe_build(checkout, {})["commit"] == f"{commit}-dirty"


def test_a_folder_inside_another_checkout_is_not_that_commit(checkout: Path) -> None:
    (checkout / "inside").mkdir()
    assert describe_build(checkout / "inside", {}) == NOTHING


def test_an_image_says_it_in_its_environment(checkout: Path) -> None:
    told = {"MINER_COMMIT": "abc", "MINER_IMAGE": "registry/fast_3d_miner:0.2.0"}
    found = describe_build(checkout, told)
    assert (found["commit"], found["image"]) == ("abc", "registry/fast_3d_miner:0.2.0")


def test_a_bento_has_its_tag_and_label_beside_the_sources(tmp_path: Path) -> None:
    manifest = {"name": "fast_3d_miner", "version": "xyz", "labels": {"commit": "abc"}}
    (tmp_path / "bento.yaml").write_text(yaml.safe_dump(manifest))
    (tmp_path / "src").mkdir()
    assert describe_build(tmp_path / "src", {}) == NOTHING | {"commit": "abc", "bento": "fast_3d_miner:xyz"}


@pytest.mark.parametrize("content", ["", "- 1", "labels: 3", "a: [", "\x00"])
def test_a_strange_file_in_its_place_is_no_bento(tmp_path: Path, content: str) -> None:
    (tmp_path / "bento.yaml").write_text(content)
    (tmp_path / "src").mkdir()
    assert describe_build(tmp_path / "src", {}) == NOTHING


def test_version_names_this_build(client: TestClient) -> None:
    told = client.get("/version").json()
    assert {name: told[name] for name in NOTHING} == describe_build(ROOT, os.environ)
