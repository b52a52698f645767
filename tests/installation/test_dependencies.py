"""pyproject.toml, requirements.txt, bentofile.yaml and the imports tell of the same packages and files."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import yaml
from bentoml._internal.bento.build_config import BentoPathSpec
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from command_line.places import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ASKED = map(Requirement, PROJECT["project"]["dependencies"])
DECLARED = {canonicalize_name(package.name): package for package in ASKED}
WHEEL = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
SHIPPED = WHEEL["only-include"]
BENTO = yaml.safe_load((ROOT / "bentofile.yaml").read_text())
CHECKOUT_ONLY = "models/conformance"
OTHERS = {
    "triton",  # torch brings the one that fits it, where there is one
    "runpod",  # of the serverless worker, deploy/runpod/requirements.txt
}


def pins() -> dict[NormalizedName, Requirement]:
    """The first part of requirements.txt."""
    direct = (ROOT / "requirements.txt").read_text().partition("\n# brought in")[0]
    lines = [line.partition("#")[0].strip() for line in direct.splitlines()]
    return {canonicalize_name(pin.name): pin for pin in map(Requirement, filter(None, lines))}


def imported(file: Path) -> Iterator[str]:
    """Top-level names of what a module imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def modules() -> Iterator[Path]:
    """What a wheel ships."""
    for place in map(ROOT.joinpath, SHIPPED):
        files = place.rglob("*.py") if place.is_dir() else [place][: place.suffix == ".py"]
        yield from (file for file in files if not file.is_relative_to(ROOT / CHECKOUT_ONLY))


def test_what_is_pinned_is_what_an_installation_asks_for() -> None:
    assert set(pins()) == set(DECLARED)


def test_an_installation_takes_the_pinned_versions_and_their_patches() -> None:
    for name, pin in pins().items():
        (exact,) = pin.specifier
        assert DECLARED[name].specifier.contains(exact.version), name
        assert not DECLARED[name].specifier.contains("9999"), name


def test_every_package_that_is_imported_is_asked_for() -> None:
    """Not only brought in by another one, which may stop doing so."""
    providers = packages_distributions()
    known = {path.name for path in ROOT.iterdir()} | {"service"} | OTHERS | set(sys.stdlib_module_names)
    missing = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in modules()
        for name in set(imported(file)) - known
        if DECLARED.keys().isdisjoint(map(canonicalize_name, providers.get(name, [name])))
    ]
    assert missing == []


def test_a_wheel_holds_what_a_bento_does() -> None:
    """An installed project is served from its folder, as a Bento is from its sources."""
    bento = {place.strip("/") for place in BENTO["include"]}
    told_by_metadata = {"LICENSE", "NOTICE", "licenses", "README.md"}
    assert {*SHIPPED} == bento - told_by_metadata | {"bentofile.yaml"}


def test_neither_ships_what_is_for_checkouts() -> None:
    wheel = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    listed = BentoPathSpec(include=BENTO["include"], exclude=BENTO["exclude"])
    for name in ("models/conformance/__main__.py", "models/conformance/report.py"):
        assert (ROOT / name).is_file()
        assert f"fast3d_miner/{name}" not in wheel
        assert not listed.includes(name)
    assert "fast3d_miner/models/errors.py" in wheel
    assert listed.includes("models/errors.py")


def test_nothing_that_is_shipped_imports_what_is_for_checkouts() -> None:
    """Looked for by its name, so that imports inside functions and by text count too."""
    name = CHECKOUT_ONLY.replace("/", ".")
    assert [file for file in modules() if name in file.read_text(encoding="utf-8")] == []
