"""Programs that only deployment needs, where `make deploy-test` has put them."""

import os
from pathlib import Path

import pytest
import yaml

from command_line.places import ROOT
from runners.life.supervisor import RUNNER_SECONDS
from runners.options import DRAIN_MARGIN_SECONDS


def deploy_tool(name: str) -> Path:
    """A program of the deployment tools' environment; skips the test where it is not installed.

    DEPLOY_BIN names another folder than .venv-deploy/bin.
    """
    folder = Path(os.environ.get("DEPLOY_BIN") or ROOT / ".venv-deploy/bin")
    if not (folder / name).exists():
        pytest.skip(f"{name} is not in {folder}; `make deploy-test` installs it")
    return folder / name


def longest_deadline(profile: str) -> float:
    """The longest that a request of a profile may take, in seconds, as configuration.yaml has it."""
    file = yaml.safe_load((ROOT / "configuration.yaml").read_text())
    gateway = file["services"]["gateway"] | {"video_deadline_seconds": "auto"}
    gateway |= file["presets"][profile]["services"]["gateway"]
    return max(float(gateway["deadline_seconds"]), float(gateway["video_deadline_seconds"]))


def leaving_seconds(profile: str) -> float:
    """The longest from SIGTERM to the service's end, with requests in work that use their whole time."""
    return longest_deadline(profile) + 2 * DRAIN_MARGIN_SECONDS + RUNNER_SECONDS
