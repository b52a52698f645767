"""The systemd unit: what systemd itself says of it, and the times."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from command_line.places import ROOT
from runners.options import DRAIN_MARGIN_SECONDS, TIMEOUT_MARGIN_SECONDS
from tests.deploy.tools import longest_deadline

UNIT = ROOT / "deploy/systemd/fast-3d-miner.service"


def service() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(UNIT)
    return parser["Service"]


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    if (program := shutil.which("systemd-analyze")) is None:
        pytest.skip("systemd-analyze is not installed")
    text = UNIT.read_text().replace("/opt/fast-3d-miner/.venv/bin/bentoml", "/bin/true")
    (tmp_path / UNIT.name).write_text(text)
    done = subprocess.run(
        [program, "verify", str(tmp_path / UNIT.name)], capture_output=True, text=True, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert complaints == []


def test_the_unit_names_every_cache_that_containers_name() -> None:
    caches = set(re.findall(r"export (\w+)=", (ROOT / "deploy/caches.sh").read_text())) - {"HF_HOME"}
    assert len(caches) == 4
    assert {name for name in caches if f"{name}=/var/cache/" in UNIT.read_text()} == caches


def test_stopping_waits_for_the_longest_request_and_leaves_nothing() -> None:
    least = longest_deadline("embedded") + TIMEOUT_MARGIN_SECONDS + DRAIN_MARGIN_SECONDS
    assert float(service()["TimeoutStopSec"]) >= least
    assert service()["KillMode"] == "mixed"  # SIGTERM to the first process only, SIGKILL to what is left
    assert service()["RemoveIPC"] == "no"
