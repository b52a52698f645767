"""The Bento: built offline from the listed files alone, and served."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from gateway import VERSION
from tests.service.conftest import ROOT, running_server
from tests.service.ply_reader import read_table

pytestmark = pytest.mark.slow

EMBEDDED = ROOT / "models/embedded"
NO_NETWORK = {"HF_HUB_OFFLINE": "1", "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}


def test_the_version_is_the_projects() -> None:
    assert f'version = "{VERSION}"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.skipif(
    not EMBEDDED.exists(), reason="models/embedded is missing: the Bento would have no weights"
)
def test_a_bento_builds_offline_and_serves_a_request(tmp_path: Path) -> None:
    home = {"BENTOML_HOME": str(tmp_path / "home"), "BENTOML_DO_NOT_TRACK": "True", **NO_NETWORK}
    build = subprocess.run(
        [sys.executable, "-m", "bentoml", "build", "--output", "tag", str(ROOT)],
        cwd=ROOT,
        env={**os.environ, **home},
        check=True,
        capture_output=True,
        text=True,
    )
    tag = build.stdout.strip().rsplit("__tag__:", 1)[-1].strip()
    name, version = tag.split(":")
    source = tmp_path / "home/bentos" / name / version / "src"
    assert not [
        path for path in source.rglob("*") if path.name in ("tests", "training", ".git", "__pycache__")
    ]
    with running_server({**home, "PYTHONPATH": ""}, port=18197, target=tag, cwd=tmp_path) as (url, _):
        reply = httpx.post(f"{url}/generate/", data={"prompt": "pink bicycle"}, timeout=120)
    assert reply.status_code in (200, 204)
    if reply.status_code == 200:
        assert len(read_table(reply.content)[1]) >= 7000
