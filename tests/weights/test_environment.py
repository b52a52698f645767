"""The downloader in environments that people have: it does what they mean, or says what is wrong."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line.places import ROOT
from scripts.download_weights import parse_arguments
from tests.stand_ins.http_server import StandIn, serving
from tests.weights.conftest import Download
from tests.weights.hub import HubState

NOWHERE = "http://127.0.0.1:9"
Told = pytest.CaptureFixture[str]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("value", [NOWHERE, "socks5://127.0.0.1:9", "socks5h://127.0.0.1:9"])
def test_a_hub_on_this_machine_is_asked_without_a_proxy(
    name: str, value: str, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_PROXY", "[::1],10.0.0.0/8:80")
    assert download() == 0


@pytest.mark.parametrize(
    "value", ["http://127.0.0.1:9", "127.0.0.1:9", "socks5://127.0.0.1:9", "http://:x", "nonsense"]
)
def test_a_proxy_that_cannot_be_used_is_told(
    value: str, download: Download, monkeypatch: pytest.MonkeyPatch, capsys: Told
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    monkeypatch.setenv("HTTP_PROXY", value)
    assert download() == 1
    told = capsys.readouterr().err.strip()
    assert told.startswith("error: ")
    assert len(told.splitlines()) == 1


def test_a_hub_is_asked_through_the_proxy(
    download: Download, endpoint: str, hub: HubState, monkeypatch: pytest.MonkeyPatch, capsys: Told
) -> None:
    """The stand-in takes no absolute addresses, as proxies do; what it answers shows who was asked."""
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    monkeypatch.setenv("HTTP_PROXY", endpoint)
    assert download() == 1
    assert "cannot be reached" not in capsys.readouterr().err
    monkeypatch.setenv("NO_PROXY", "hub.invalid:80")
    assert download() == 1
    assert "http://hub.invalid cannot be reached" in capsys.readouterr().err


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR"])
def test_certificates_that_are_not_there_are_told(
    variable: str, download: Download, monkeypatch: pytest.MonkeyPatch, capsys: Told
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://127.0.0.1:9")
    monkeypatch.setenv(variable, "/no/such/file.pem")
    assert download() == 1
    assert "error: " in capsys.readouterr().err


@pytest.fixture
def portal() -> Iterator[str]:
    """A network that answers everything with its page to log in."""

    class Handler(StandIn):
        def do_GET(self) -> None:
            self.answer(200, b"<html>log in</html>", {"content-type": "text/html"})

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"


def test_an_answer_that_is_no_hubs_is_told(
    portal: str, download: Download, monkeypatch: pytest.MonkeyPatch, capsys: Told
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", portal)
    assert download() == 1
    assert "does not answer as a hub" in capsys.readouterr().err


def test_a_hub_without_scheme_and_with_a_slash_is_found(
    endpoint: str, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f" {endpoint.removeprefix('http://')}/ ")
    assert download() == 0


@pytest.mark.parametrize(
    ("options", "variable", "lands"),
    [
        ([], None, ROOT / "weights/24gb"),
        (["--profile", "80gb"], "", ROOT / "weights/80gb"),
        ([], "~/weights", Path("/home/of-mine/weights")),
        ([], " here ", Path("{cwd}/here")),
        (["--folder", "there"], "here", Path("{cwd}/there")),
        (["--folder", "~/there"], None, Path("/home/of-mine/there")),
    ],
)
def test_files_land_where_a_person_means(
    options: list[str], variable: str | None, lands: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/of-mine")
    monkeypatch.delenv("WEIGHTS_DIR", raising=False)
    if variable is not None:
        monkeypatch.setenv("WEIGHTS_DIR", variable)
    assert parse_arguments(options).folder == Path(str(lands).format(cwd=tmp_path))


@pytest.mark.parametrize("where", ["a file", "below a file", "no such user"])
def test_a_folder_that_cannot_be_is_told(
    where: str, download: Download, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Told
) -> None:
    file = folder.with_name("file")
    file.touch()
    places = {"a file": file, "below a file": file / "x", "no such user": "~no-such-user/x"}
    monkeypatch.setenv("WEIGHTS_DIR", str(places[where]))
    if where == "no such user":
        with pytest.raises(SystemExit):
            download()
        assert "no home folder of ~no-such-user" in capsys.readouterr().err
        return
    assert download() == 1
    assert f"error: {file}" in capsys.readouterr().err


def test_a_full_disk_is_told_when_the_lock_is_written(
    download: Download, monkeypatch: pytest.MonkeyPatch, capsys: Told
) -> None:
    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    monkeypatch.setattr(os, "replace", full)
    assert download() == 1
    assert "No space left on device" in capsys.readouterr().err


def test_empty_variables_are_as_good_as_unset(tmp_path: Path) -> None:
    """Also those that huggingface_hub reads at its import: an empty HF_HOME would be the current folder."""
    names = (
        "HF_ENDPOINT",
        "HF_HOME",
        "HF_HUB_CACHE",
        "HF_TOKEN",
        "HF_HUB_DOWNLOAD_TIMEOUT",
        "HF_HUB_OFFLINE",
    )
    code = (
        "import os; from scripts.weights.hub import configured_hub; hub = configured_hub(os.environ);"
        "print(hub.endpoint, hub.token, hub.cache)"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    } | dict.fromkeys(names, "")
    said = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["https://huggingface.co", "None", f"{tmp_path}/.cache/huggingface/hub"]
