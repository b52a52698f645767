"""deploy/runpod/start.sh against a stand-in for the hub and a small command in place of the service."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from command_line.places import ROOT
from tests.waiting import wait_for
from tests.weights.hub import HubState, Repository, served

START = ROOT / "deploy/runpod/start.sh"
CACHES = ROOT / "deploy/caches.sh"
SERVE = ROOT / "tests/deploy/serve_stand_in.sh"
FLOW = "ckpts/flow.safetensors"
WAIT_SECONDS = 60.0


@pytest.fixture
def hub() -> HubState:
    files = {
        "pipeline.json": b"{}",
        FLOW: os.urandom(300_000),
        "ckpts/decoder.safetensors": os.urandom(2001),
    }
    return HubState(repositories={"some/open": Repository(files)})


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    """What start.sh sees: a volume of its own, and no pauses worth waiting for."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("MINER", "WEIGHTS", "HF_"))
    }
    return (
        kept
        | {
            "VOLUME": str(tmp_path / "volume"),
            "PYTHONPATH": str(ROOT),
            "MINER_PYTHON": sys.executable,
            "MINER_PAUSE": "0",
            "MINER__PROFILE": "embedded",
            "MINER_SERVE": f"{SERVE} {tmp_path} 0",
            "TMPDIR": str(tmp_path),
        }
        | more
    )


@contextmanager
def started(tmp_path: Path, **more: str) -> Iterator["subprocess.Popen[str]"]:
    """The script, running; ended with the block."""
    process = subprocess.Popen(
        [str(START)],
        env=environment(tmp_path, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def ended(tmp_path: Path, **more: str) -> tuple[int, str]:
    """Exit status and output of a run that ends by itself."""
    with started(tmp_path, **more) as process:
        output, _ = process.communicate(timeout=WAIT_SECONDS)
        return process.returncode, output


def stopped(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """What becomes of it after SIGTERM to it alone."""
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=WAIT_SECONDS)
    return process.returncode, output


def test_sigterm_reaches_the_service_and_its_status_is_handed_back(tmp_path: Path) -> None:
    with started(tmp_path, WEIGHTS_DIR=f"{tmp_path}/volume/weights") as process:  # as the image has it
        wait_for((tmp_path / "serving").exists)
        status, output = stopped(process)
    assert status == 0, output
    assert (tmp_path / "starts").read_text().split() == ["ended"]  # no WEIGHTS_DIR for the embedded family


def test_a_crashed_service_is_started_again(tmp_path: Path) -> None:
    with started(tmp_path, MINER_SERVE=f"{SERVE} {tmp_path} 2") as process:
        wait_for((tmp_path / "serving").exists)
        status, output = stopped(process)
    assert status == 0
    assert output.count("the service ended with status 7") == 2


def test_a_service_that_never_runs_ends_the_container_with_its_status(tmp_path: Path) -> None:
    status, output = ended(tmp_path, MINER_SERVE=f"{SERVE} {tmp_path} 99", MINER_ATTEMPTS="3")
    assert status == 7
    assert "ended 3 times in a row" in output


def test_pauses_grow(tmp_path: Path) -> None:
    _, output = ended(
        tmp_path,
        MINER_SERVE=f"{SERVE} {tmp_path} 99",
        MINER_ATTEMPTS="4",
        MINER_PAUSE="1",
        PATH=no_sleep(tmp_path),
    )
    assert [line.split("once more in ")[1] for line in output.splitlines() if "once more" in line] == [
        "1 s",
        "2 s",
        "4 s",
    ]


def no_sleep(tmp_path: Path) -> str:
    """A PATH whose `sleep` returns at once."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sleep").symlink_to("/bin/true")
    return f"{tmp_path / 'bin'}:{os.environ['PATH']}"


def test_weights_come_first_and_a_broken_download_goes_on_where_it_stopped(
    tmp_path: Path, hub: HubState
) -> None:
    hub.drops[FLOW] = 1
    hub.dies_after[FLOW] = 1  # five more tries of that run fail; the next run finds it alive again
    folder = tmp_path / "volume/weights/24gb"
    with served(hub) as endpoint:
        more = {"MINER__PROFILE": "24gb", "HF_ENDPOINT": endpoint, "WEIGHTS_DIR": ""}
        more["MINER_DOWNLOAD"] = f"{sys.executable} -m tests.deploy.download_stand_in"
        with started(tmp_path, **more) as process:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if "once more" in line:
                    hub.dies_after.clear()
                if "weights are complete" in line:
                    break
            wait_for((tmp_path / "serving").exists)
            assert stopped(process)[0] == 0
    assert "the download ended with status 1" in "".join(lines)
    assert (folder / "image_to_3d" / FLOW).read_bytes() == hub.repositories["some/open"].files[FLOW]
    assert (FLOW, "bytes=150000-") in hub.asked[-3:]
    assert (tmp_path / "starts").read_text().split()[0] == str(folder)


def test_sigterm_during_the_download_ends_it_and_starts_no_service(tmp_path: Path) -> None:
    with started(tmp_path, MINER__PROFILE="24gb", MINER_DOWNLOAD=f"{SERVE} {tmp_path} 0") as process:
        wait_for((tmp_path / "serving").exists)
        status, _ = stopped(process)
    assert status == 143
    assert (tmp_path / "starts").read_text().splitlines()[1:] == ["ended"]


def test_a_download_that_cannot_succeed_gives_up_with_its_sentence(tmp_path: Path) -> None:
    more = {"MINER__PROFILE": "24gb", "HF_ENDPOINT": "http://127.0.0.1:9", "MINER_ATTEMPTS": "1"}
    more["MINER_DOWNLOAD"] = f"{sys.executable} -m tests.deploy.download_stand_in"
    status, output = ended(tmp_path, **more)
    assert status == 1
    assert "Traceback" not in output
    assert "error: " in output
    assert not (tmp_path / "starts").exists()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"MINER__PROFILE": "25gb"}, "MINER__PROFILE is auto, embedded, 24gb or 80gb, not '25gb'"),
        ({"PORT": "http"}, "whole numbers, not 'http'"),
        ({"MINER_ATTEMPTS": "-1"}, "whole numbers, not '-1'"),
    ],
)
def test_a_bad_setting_is_one_sentence(tmp_path: Path, wrong: dict[str, str], words: str) -> None:
    status, output = ended(tmp_path, **wrong)
    assert status == 1
    assert words in output
    assert len(output.splitlines()) == 1


def test_auto_follows_from_the_gpu(tmp_path: Path) -> None:
    more = {"MINER__PROFILE": "auto", "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    (tmp_path / "bin").mkdir()
    for mib, profile in ((81_559, "80gb"), (23_034, "24gb"), (8_188, "embedded")):
        program = tmp_path / "bin/nvidia-smi"
        program.write_text(f"#!/bin/sh\necho {mib}\n")
        program.chmod(0o755)
        (tmp_path / "starts").unlink(missing_ok=True)
        _, output = ended(
            tmp_path, **more, MINER_SERVE=f"{SERVE} {tmp_path} 99", MINER_DOWNLOAD="true", MINER_ATTEMPTS="1"
        )
        assert f"profile {profile}," in output


@pytest.mark.skipif(os.getuid() == 0 and shutil.which("setpriv") is None, reason="root may write anywhere")
def test_a_volume_of_another_user_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir(mode=0o555)
    tmp_path.chmod(0o755)
    command = [str(START)]
    if os.getuid() == 0:
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "bash", "-s"]
    script = START.read_text().replace('$(dirname "${BASH_SOURCE[0]}")/../..', "/")
    script = script.replace('. "$root/deploy/caches.sh"', CACHES.read_text() + "true")
    done = subprocess.run(
        command,
        input=script,
        env=environment(tmp_path, MINER_PYTHON="/bin/true"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "is not writable for uid" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_script_is_clean_for_shellcheck() -> None:
    if (program := shutil.which("shellcheck")) is None:
        pytest.skip("shellcheck is not installed")
    for script in (START, SERVE, CACHES):
        command = [program, "-x", "-s", "bash", str(script)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_the_template_starts_the_script_on_the_services_port() -> None:
    template = json.loads((ROOT / "deploy/runpod/template.json").read_text())
    assert template["dockerEntrypoint"][-1].endswith(str(START.relative_to(ROOT)))
    assert f"{template['env']['PORT']}/http" in template["ports"]
    assert template["volumeMountPath"] == "/workspace"
    assert template["env"]["HF_TOKEN"].startswith("{{ RUNPOD_SECRET_")  # a reference, never a token
