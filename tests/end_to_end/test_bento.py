"""The Bento: built offline from the listed files alone, and served with real networks in real processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from command_line.places import ROOT
from tests.ply_reader import read_table
from tests.serving import free_port, running_server
from tests.stand_ins.tiny_weights import TINY_SETTINGS, write_tiny_weights

pytestmark = pytest.mark.slow

UNWANTED = {"tests", "training", "benchmarks", "conformance", ".git", ".venv", "__pycache__"}
NO_NETWORK = {"HF_HUB_OFFLINE": "1", "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A Bento store of its own, tiny weights, and a network that goes nowhere."""
    folder = tmp_path_factory.mktemp("bento")
    write_tiny_weights(folder / "weights")
    return {
        "BENTOML_HOME": str(folder / "home"),
        "BENTOML_DO_NOT_TRACK": "True",
        "WEIGHTS_DIR": str(folder / "weights"),
        **TINY_SETTINGS,
        **NO_NETWORK,
    }


@pytest.fixture(scope="module")
def tag(environment: dict[str, str]) -> str:
    """Name and version of a fresh Bento."""
    build = subprocess.run(
        [sys.executable, "-m", "bentoml", "build", "--output", "tag", str(ROOT)],
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    assert build.returncode == 0, build.stderr[-3000:]
    return build.stdout.strip().rsplit("__tag__:", 1)[-1]


@pytest.fixture(scope="module")
def served_bento(
    tag: str, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of the served Bento; nothing of the working tree is importable there."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with running_server({**environment, "PYTHONPATH": ""}, port=free_port(), target=tag, cwd=elsewhere) as (
        url,
        _,
    ):
        yield url


def test_a_bento_builds_offline_and_holds_the_listed_files_only(
    tag: str, environment: dict[str, str]
) -> None:
    source = Path(environment["BENTOML_HOME"], "bentos", *tag.split(":"), "src")
    assert {"service.py", "configuration.yaml", "gateway", "runners", "models"} <= {
        p.name for p in source.iterdir()
    }
    image = {"deploy/caches.sh", "deploy/docker/entrypoint.sh", "deploy/docker/healthcheck.py"}
    assert all((source / name).is_file() for name in (*image, "scripts/download_weights.py"))
    assert not [path for path in source.rglob("*") if UNWANTED & set(path.relative_to(source).parts)]


def test_the_container_compiles_gsplat_once_its_packages_are_there(
    tag: str, environment: dict[str, str]
) -> None:
    docker = Path(environment["BENTOML_HOME"], "bentos", *tag.split(":"), "env", "docker")
    (script,) = docker.glob("script__*")
    assert script.read_bytes() == (ROOT / "scripts" / "build_gsplat.sh").read_bytes()
    steps = (docker / "Dockerfile").read_text()
    assert "build-essential" in steps  # its C++ compiler; kernels of Triton need one at run time as well
    assert 0 < steps.index("pip install -r") < steps.index(script.name)
    assert 0 < steps.index("ARG TORCH_CUDA_ARCH_LIST=") < steps.index(script.name)
    assert steps.count(" AS base-container\n") == 1  # deploy/docker/build renames that stage
    checked = subprocess.run(["bash", "-n", str(script)], check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_the_served_bento_answers_a_splat_ply(served_bento: str) -> None:
    reply = httpx.post(f"{served_bento}/generate/", data={"prompt": "pink bicycle"}, timeout=60)
    assert reply.status_code == 200
    names, table = read_table(reply.content)
    assert names[:3] == ["x", "y", "z"]
    assert (table[:, :3].max(0) - table[:, :3].min(0)).max() == pytest.approx(1.5, abs=1e-4)


def test_the_same_seed_gives_the_same_bytes_when_served_alone(served_bento: str) -> None:
    fields = {"prompt": "green tree", "seed": "11"}
    first, again = (httpx.post(f"{served_bento}/generate", data=fields, timeout=60) for _ in range(2))
    assert first.content == again.content


def test_the_served_bento_answers_a_video(served_bento: str) -> None:
    fields = {"prompt": "pink bicycle", "seed": "3", "video_res": "96"}
    reply = httpx.post(f"{served_bento}/generate_video/", data=fields, timeout=60)
    assert reply.status_code == 200
    assert reply.content[4:8] == b"ftyp"
