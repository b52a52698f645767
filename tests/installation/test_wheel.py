"""`pip install .` outside the checkout: the commands work, and what they start serves a request."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from command_line.places import ROOT
from gateway import VERSION
from scripts.local_service import wait_until_ready
from tests.ply_reader import read_table
from tests.serving import free_port

pytestmark = pytest.mark.slow

STEPS = {
    "MINER__TEXT_TO_IMAGE__STEPS": "2",
    "MINER__IMAGE_TO_3D__FAST__STRUCTURE__STEPS": "4",
    "MINER__IMAGE_TO_3D__FAST__LATENTS__STEPS": "1",
    "MINER__VALIDATION__ALIGNMENT": "-1",
    "MINER__VALIDATION__AESTHETICS": "-10",
    "MINER__VALIDATION__SIMILARITY": "-1",
    "MINER__VALIDATION__MIN_SPLATS": "1",
}


@pytest.fixture(scope="module")
def binaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of a wheel in an environment of its own, which borrows this one's packages."""
    folder = tmp_path_factory.mktemp("installation")
    run([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder], cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"])
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "venv/bin/python")]
    run([*pip, "install", "--quiet", "--disable-pip-version-check", "--no-deps", wheel])
    return folder / "venv" / "bin"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder, with modules named as some of ours."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for name in ("service.py", "models.py", "gateway.py", "bentofile.yaml"):
        (folder / name).write_text("raise SystemExit('somebody else's module')")
    return folder


def run(command: Sequence[str | Path], cwd: Path | None = None, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=clean(**environment), check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def clean(**environment: str) -> dict[str, str]:
    """This process's environment, without a way to the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MINER"))}
    return kept | {"BENTOML_DO_NOT_TRACK": "True"} | environment


@contextmanager
def served(binaries: Path, elsewhere: Path) -> Iterator[str]:
    """The address of what `fast3d-serve` starts in a user's folder, by a configuration of his."""
    port, log = free_port(), elsewhere / "log"
    text = (ROOT / "configuration.yaml").read_text()
    (elsewhere / "mine.yaml").write_text(text.replace("port: 8093", f"port: {port}"))
    environment = clean(
        **STEPS,
        MINER__PROFILE="embedded",
        MINER__DEVICE="cpu",
        MINER_CONFIGURATION="mine.yaml",
        BENTOML_HOME=str(elsewhere / "home"),
    )
    command: list[str | Path] = [binaries / "fast3d-serve", "--host", "127.0.0.1"]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=elsewhere, env=environment, stdout=output, stderr=output) as process,
    ):
        try:
            wait_until_ready(f"http://127.0.0.1:{port}", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)


def test_an_installed_service_answers_a_request(binaries: Path, elsewhere: Path) -> None:
    with served(binaries, elsewhere) as url:
        told = httpx.get(f"{url}/version").json()
        command: list[str | Path] = [binaries / "fast3d-generate", "pink bicycle", "--formats", "ply"]
        said = run([*command, "--port", url.rpartition(":")[2], "--seed", "1"], cwd=elsewhere)
    assert told["version"] == VERSION
    assert told["profile"] == "embedded"
    assert "pink-bicycle.ply" in said
    names, table = read_table((elsewhere / "out/pink-bicycle.ply").read_bytes())
    assert names[:3] == ["x", "y", "z"]
    assert len(table) > 100
    assert (elsewhere / "out/pink-bicycle.png").read_bytes().startswith(b"\x89PNG")


def test_an_installed_project_keeps_its_weights_with_the_users_data(binaries: Path, tmp_path: Path) -> None:
    for environment, home in (
        ({"HOME": str(tmp_path)}, tmp_path / ".local/share"),
        ({"XDG_DATA_HOME": str(tmp_path / "data")}, tmp_path / "data"),
    ):
        done = subprocess.run(
            [binaries / "fast3d-weights", "--verify", "--profile", "80gb"],
            cwd=tmp_path,
            env=clean(XDG_DATA_HOME="") | environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        assert str(home / "fast-3d-miner/weights/80gb") in done.stderr
        assert "Traceback" not in done.stderr


def test_an_installed_project_tells_its_own_commands(binaries: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [binaries / "fast3d-generate", "chair", "--port", str(free_port())],
        cwd=tmp_path,
        env=clean(),
        check=False,
        capture_output=True,
        text=True,
    )
    assert "fast3d-serve" in done.stderr
    assert done.returncode == 1
    for name in ("fast3d-generate", "fast3d-validate"):
        assert f"usage: {name}" in run([binaries / name, "--help"], cwd=tmp_path)


def test_nothing_common_is_installed_beside_other_peoples_packages(binaries: Path) -> None:
    (packages,) = binaries.parent.glob("lib/python*/site-packages")
    assert {path.name for path in packages.iterdir()} == {
        "borrowed.pth",
        "fast3d_miner",
        f"fast_3d_miner-{VERSION}.dist-info",
    }
