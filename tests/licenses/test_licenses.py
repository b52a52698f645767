"""What may be linked in, and that the tables and the bill of materials say what is installed."""

import json
import subprocess
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway import VERSION
from models.weights.manifest import MANIFEST
from scripts.licenses import (
    FOLDER,
    ROOT,
    LicenceError,
    is_allowed,
    licence_of,
    packages,
    pages,
    pinned,
)
from tests.deploy.tools import deploy_tool

REVIEWED: dict[str, Any] = yaml.safe_load((FOLDER / "reviewed.yaml").read_text())


def metadata(**fields: str) -> Message:
    """A package's metadata."""
    message = Message()
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    return message


def test_the_tables_say_what_is_installed() -> None:
    for path, text in pages().items():
        assert path.read_text() == text, f"run `make licenses`: {path.name} is out of date"


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 AND (BSD-3-Clause OR MIT)", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-or-later", False),
        ("LGPL-3.0-only", False),
        ("AGPL-3.0-only", False),
        ("MIT AND GPL-2.0-only", False),
        ("CC-BY-NC-4.0", False),
        ("LicenseRef-Proprietary", False),
    ],
)
def test_only_permissive_licences_may_be_linked_in(expression: str, allowed: bool) -> None:
    assert is_allowed(expression, REVIEWED["allowed"]) is allowed


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"License": "GPL"},
        {"License": "BSD"},
        {"Classifier": "License :: OSI Approved :: GNU General Public License v3 (GPLv3)"},
        {"License": "Free for non-commercial use"},
        {"License": "MIT\nwith conditions on the next line"},
    ],
)
def test_what_metadata_leaves_open_must_be_reviewed(fields: dict[str, str]) -> None:
    with pytest.raises(LicenceError, match="review it"):
        licence_of("some-package", metadata(**fields), REVIEWED)


def test_an_expression_of_a_forbidden_licence_stops_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.licenses.licence_of", lambda *_: "GPL-2.0-only")
    with pytest.raises(LicenceError, match="may not be linked in"):
        packages("psutil==7.2.2\n", REVIEWED)


def test_every_model_is_reviewed_and_the_unclear_ones_are_named() -> None:
    page = (FOLDER / "models.md").read_text()
    for source in MANIFEST:
        assert source.name in page
    matte, head = [line for line in page.splitlines() if "| unclear |" in line]
    assert "IS-Net" in matte
    assert "404-Gen/validation" in head


def test_the_notice_names_the_separate_program_and_its_licence() -> None:
    notice = (ROOT / "NOTICE").read_text()
    assert "ffmpeg" in notice
    assert "GPL-3.0-or-later" in notice
    assert "psutil" in (FOLDER / "packages.md").read_text()


def bill() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "sbom.cdx.json").read_text())
    return found


def test_the_bill_of_materials_holds_every_pinned_package_and_model() -> None:
    told = bill()
    assert told["metadata"]["component"]["version"] == VERSION
    listed = {(entry["name"].replace("_", "-").lower(), entry.get("version")) for entry in told["components"]}
    for name, version in pinned((ROOT / "requirements.txt").read_text()).items():
        assert (name.replace("_", "-").lower(), version) in listed, "run `make licenses`"
    models = {entry["name"] for entry in told["components"] if entry["type"] == "machine-learning-model"}
    assert len(models) >= len({source.name for source in MANIFEST})
    assert all(entry["licenses"] for entry in told["components"])
    assert "file:" not in (FOLDER / "sbom.cdx.json").read_text()


def test_the_bill_of_materials_is_valid_cyclonedx() -> None:
    program = deploy_tool("cyclonedx-py")
    check = (
        "import sys; from cyclonedx.schema import SchemaVersion;"
        "from cyclonedx.validation.json import JsonStrictValidator;"
        "sys.exit(str(JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read()) or '') or 0)"
    )
    done = subprocess.run(
        [str(Path(program).with_name("python")), "-c", check],
        input=(FOLDER / "sbom.cdx.json").read_text(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_bento_carries_the_licences_the_bill_and_the_notice() -> None:
    include = yaml.safe_load((ROOT / "bentofile.yaml").read_text())["include"]
    assert {"/LICENSE", "/NOTICE", "/licenses/"} <= set(include)
