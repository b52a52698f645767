"""One served process with little patience, for all of the odd clients here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.connections.service import LIMITS, MOST, PAGE
from tests.serving import free_port, placeholder_weights, running_server, small_environment


@pytest.fixture(scope="package")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "service.log"


@pytest.fixture(scope="package")
def url(log_file: Path) -> Iterator[str]:
    """A service with little patience."""
    http = {**LIMITS, "CONNECTIONS": str(MOST), "CORS_ORIGINS": f'["{PAGE}"]'}
    environment = {f"MINER__SERVICES__HTTP__{key}": value for key, value in http.items()}
    weights = small_environment(placeholder_weights())
    with running_server(weights | environment, port=free_port(), log_file=log_file) as (address, _):
        yield address
