"""Node packages and a browser, where a machine has them.

NODE_MODULES names a folder with gltf-validator and three; without it they lie in build/node/node_modules,
where .ci/gltf_tools puts them.
"""

import os
import shutil
from pathlib import Path

import pytest

from command_line.places import ROOT


def node_package(name: str) -> Path:
    """The folder of node modules, if it holds a package; skips the test otherwise."""
    modules = Path(os.environ.get("NODE_MODULES") or ROOT / "build/node/node_modules").resolve()
    if not (modules / name).is_dir():
        pytest.skip(f"npm package {name} is not in {modules}")
    return modules


def program(*names: str) -> str:
    """The first program that is installed; skips the test otherwise."""
    for name in names:
        if found := shutil.which(name):
            return found
    pytest.skip(f"not installed: {' or '.join(names)}")
