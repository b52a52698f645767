"""Where the project lies and what it downloads: in a checkout, a Bento and an installed wheel."""

import os
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]  # holds service.py and configuration.yaml
DISTRIBUTION = "fast-3d-miner"
FOLDER = "fast3d_miner"  # of an installed wheel, in site-packages


@cache
def is_installed() -> bool:
    """Whether this is a wheel's copy; a checkout is none, though a wheel may be installed beside it."""
    try:
        folder = distribution(DISTRIBUTION).locate_file(FOLDER)
    except PackageNotFoundError:
        return False
    return Path(str(folder)).resolve() == ROOT


def weights_home(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of the published weights' folders, `24gb` and `80gb`, where nobody names another one.

    The project's own `weights`; of an installed project the user's data folder, because upgrades replace the
    project's folder and its user may not write there.
    """
    if not is_installed():
        return ROOT / "weights"
    named = environment.get("XDG_DATA_HOME", "").strip()
    data = Path(named) if Path(named).is_absolute() else Path.home() / ".local" / "share"
    return data / DISTRIBUTION / "weights"


def command(installed: str, checkout: str) -> str:
    """What a person types to run a program of the project here."""
    return installed if is_installed() else checkout
