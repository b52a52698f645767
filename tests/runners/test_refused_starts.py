"""What an operator gets wrong outside the configuration: one sentence and exit code 1, never a traceback."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pynvml
import pytest

from command_line.places import ROOT
from configuration import driver
from configuration.leaves import ConfigurationError
from configuration.profiles import choose_profile, largest_gpu_bytes
from runners.listening import refusal_of
from tests.serving import EMBEDDED, free_port, serve_command

GIB = 2**30


@contextmanager
def taken_port(host: str = "127.0.0.1") -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as other:
        other.bind((host, 0))
        other.listen(1)
        yield int(other.getsockname()[1])


def refused(command: list[str], **environment: str) -> str:
    """The last line of a start that ends with code 1 and without a traceback."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **EMBEDDED, **environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 1, output
    assert "Traceback" not in output
    lines = [line for line in output.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, output
    return lines[0]


def test_a_port_in_use_is_named() -> None:
    with taken_port() as port:
        assert f"port {port} of 127.0.0.1 is in use" in refused(serve_command("service:Miner", port))


def test_a_scorer_whose_files_are_missing_is_named() -> None:
    asked = {"MINER__VALIDATION__SCORER": "subnet", "MINER__VALIDATION__VIEW_SET": "validator"}
    command = serve_command("service:Miner", free_port())
    assert "validation.scorer: subnet needs clip/open_clip_config.json in" in refused(command, **asked)
    views = {"MINER__VALIDATION__SCORER": "subnet"}
    assert "validation.view_set: must be validator with scorer: subnet" in refused(command, **views)


def test_the_port_of_the_configuration_is_looked_at_too() -> None:
    with taken_port("0.0.0.0") as port:
        command = [sys.executable, "-m", "bentoml", "serve", "service:Miner"]
        assert f"port {port} of 0.0.0.0 is in use" in refused(command, MINER__SERVICES__HTTP__PORT=str(port))


def test_an_address_of_another_machine_is_named() -> None:
    command = serve_command("service:Miner", free_port())
    command[command.index("127.0.0.1")] = "192.0.2.1"
    assert "no interface of this machine has the address 192.0.2.1" in refused(command)


def test_a_free_port_is_free_and_stays_so() -> None:
    port = free_port()
    assert refusal_of("127.0.0.1", port) is None
    assert refusal_of("127.0.0.1", port) is None
    assert refusal_of("no address", port) is None  # BentoML's to say


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_ports_of_other_families_are_told_apart() -> None:
    with taken_port("::1") as port:
        assert "in use" in (refusal_of("::1", port) or "")
        assert refusal_of("127.0.0.1", port) is None


def test_a_missing_driver_is_named() -> None:
    told = refused(serve_command("service:Miner", free_port()), MINER__DEVICE="cuda", CUDA_VISIBLE_DEVICES="")
    assert "device: cuda was asked for, but the driver shows no GPU" in told


class Driver:
    """NVML as a driver of some version answers it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, cuda: int) -> None:
        monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
        monkeypatch.setattr(pynvml, "nvmlShutdown", lambda: None)
        monkeypatch.setattr(pynvml, "nvmlSystemGetCudaDriverVersion_v2", lambda: cuda)
        monkeypatch.setattr(pynvml, "nvmlSystemGetDriverVersion", lambda: name)
        monkeypatch.setattr(driver, "torch_cuda", lambda: "13.0")


@pytest.mark.parametrize(("cuda", "newest"), [(12090, "12.9"), (12000, "12.0"), (11040, "11.4")])
def test_a_driver_of_an_older_cuda_is_named(monkeypatch: pytest.MonkeyPatch, cuda: int, newest: str) -> None:
    Driver(monkeypatch, "575.57.08", cuda)
    told = driver.lack_of_driver() or ""
    assert f"driver 575.57.08 runs CUDA up to {newest}, but torch was built for 13.0" in told
    assert "\n" not in told


@pytest.mark.parametrize("cuda", [13000, 13010, 14000])
def test_a_driver_of_the_same_or_a_newer_cuda_will_do(monkeypatch: pytest.MonkeyPatch, cuda: int) -> None:
    Driver(monkeypatch, "580.82.07", cuda)
    assert driver.lack_of_driver() is None


def test_torchs_cuda_is_known_without_importing_it() -> None:
    program = (
        "import sys; from configuration.driver import torch_cuda as t; a = t();"
        "assert 'torch' not in sys.modules; import torch; assert a == torch.version.cuda, a"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_a_torch_without_cuda_leaves_cards_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("configuration.profiles.torch_cuda", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: pytest.fail("a GPU was looked for"))
    assert largest_gpu_bytes() == 0
    with pytest.raises(ConfigurationError, match="torch was built without CUDA"):
        choose_profile(profile="auto", weights="auto", device="cuda", base=ROOT, gpu_bytes=0)


@pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("setpriv") is None, reason="needs root, to be another user"
)
def test_weights_of_another_user_are_named(tmp_path: Path) -> None:
    """A volume that was filled by root, read by the image's user."""
    closed = tmp_path / "volume/24gb"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    begin = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from configuration.profiles import *"
    code = (
        f"choose_profile(profile='24gb', weights='{closed}', device='auto', base=Path('/'), gpu_bytes=2**35)"
    )
    other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c"]
    if subprocess.run([*other, begin], cwd="/", check=False, capture_output=True).returncode:
        pytest.skip("another user can't read this Python and these sources")
    done = subprocess.run(
        [*other, f"{begin}; {code}"], cwd="/", capture_output=True, text=True, check=False, timeout=60
    )
    told = done.stderr.strip().splitlines()[-1]
    assert "ConfigurationError" in told, done.stderr
    assert f"{closed}" in told
    assert "uid 65534 may not read" in told
