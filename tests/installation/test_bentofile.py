"""bentofile.yaml lists files that exist, and all that the service loads: told without building a Bento."""

from pathlib import Path

import yaml

from command_line.places import ROOT
from configuration.profiles import FAMILIES
from configuration.reader import DEFAULT_FILE
from models.weights.random_layout import EMBEDDED
from tests.import_graph import graph, lineage, modules

BENTOFILE = yaml.safe_load((ROOT / "bentofile.yaml").read_text())
# `python -m` and the like start them; nothing imports them.
STARTED = (
    "service",
    "runners.life.entry",
    "scripts.download_weights",
    "scripts.installed",
    "deploy.runpod.handler",
)


def is_listed(path: Path) -> bool:
    """Whether a Bento holds it."""
    name = f"/{path.relative_to(ROOT).as_posix()}"
    return any(
        name == place or f"{name}/".startswith(f"{place.rstrip('/')}/") for place in BENTOFILE["include"]
    )


def test_every_place_it_names_exists() -> None:
    named = [
        *BENTOFILE["include"],
        BENTOFILE["python"]["requirements_txt"],
        BENTOFILE["docker"]["setup_script"],
    ]
    for place in named:
        path = ROOT / place.lstrip("./") if place.startswith("./") else ROOT / place.lstrip("/")
        assert path.is_dir() if place.endswith("/") else path.is_file(), place
    assert all(place.startswith("/") for place in BENTOFILE["include"])  # else it matches at any depth


def test_it_lists_what_its_container_is_built_with() -> None:
    assert is_listed(ROOT / BENTOFILE["python"]["requirements_txt"])
    assert is_listed(ROOT / BENTOFILE["docker"]["setup_script"])


def test_it_lists_every_module_that_the_service_loads() -> None:
    """All that service and runners import, however late, and their packages."""
    waiting = [*STARTED, *(name for name in modules() if name.startswith("runners."))]
    needed = set[str]()
    while waiting:
        name = waiting.pop()
        if name not in needed and name in modules():
            needed.add(name)
            waiting += [*graph()[name], *lineage(name)[:-1]]
    assert {*STARTED, "gateway.pipeline", "models.trellis.image_to_3d", "export.ply"} <= needed
    assert [name for name in sorted(needed) if not is_listed(modules()[name])] == []


def test_it_lists_what_they_read() -> None:
    shipped = [ROOT / family.folder for family in FAMILIES if not family.downloaded]
    assert shipped
    for path in (DEFAULT_FILE, EMBEDDED, *shipped):
        assert path.exists()
        assert is_listed(path), path
