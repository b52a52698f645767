"""For all tests."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import jaxtyping
import pytest

from command_line.places import ROOT
from tests import shape_checks

if TYPE_CHECKING:
    from starlette.testclient import TestClient

shape_checks.install()


@pytest.fixture(scope="session", autouse=True)
def _no_proxies() -> Iterator[None]:
    """Tests speak to this machine only, whatever proxies it has."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            patch.delenv(name)
        yield


@pytest.fixture
def unchecked() -> Iterator[None]:
    """As outside the tests: a function itself meets what its annotations rule out, and has to refuse it."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def goldens() -> Path:
    """Recordings that are part of the project."""
    return ROOT / "tests" / "goldens"


@pytest.fixture
def shared() -> Path:
    """Reference material beside the project; tests that need it are skipped where it is not there."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the reference material ../shared is not here")
    return folder


@pytest.fixture(scope="session")
def client() -> "Iterator[TestClient]":
    """The service with stand-in models, in this process."""
    from tests.serving import service_in_this_process

    with service_in_this_process() as client:
        yield client


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a real server with stand-in models."""
    from tests.serving import free_port, placeholder_weights, running_server, small_environment

    with running_server(small_environment(placeholder_weights()), port=free_port()) as (url, _):
        yield url
