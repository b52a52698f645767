"""The download against a stand-in for the hub: what arrives, what is resumed, what an operator is told."""

import errno
import hashlib
import json
import shutil
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from huggingface_hub import constants

from configuration.lock import LOCK_NAME, read_lock
from models.weights.manifest import HubRepository, Url, WeightFile, WeightSource
from tests.weights.conftest import GATED, OPEN, Download
from tests.weights.hub import COMMIT, TOKEN, HubState

FLOW = "ckpts/flow.safetensors"
NOWHERE = "http://127.0.0.1:9"


def parts(folder: Path) -> list[Path]:
    return list(folder.rglob("*.part"))


def ranges(hub: HubState, path: str) -> list[str | None]:
    return [asked for name, asked in hub.asked if name == path]


def test_files_land_in_their_role_with_a_lock_of_commits_and_hashes(
    download: Download, hub: HubState, folder: Path
) -> None:
    assert download() == 0
    published = hub.repositories["some/open"].files
    assert (folder / "image_to_3d" / FLOW).read_bytes() == published[FLOW]
    assert not (folder / "image_to_3d/ckpts/unused.safetensors").exists()
    lock = read_lock(folder)
    assert lock is not None
    assert set(lock.files) == {OPEN.lands(file) for file in OPEN.files}
    for name, file in lock.files.items():
        content = published[name.removeprefix("image_to_3d/")]
        assert (file.source, file.commit, file.size) == ("some/open", COMMIT, len(content))
        assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert parts(folder) == []


def test_a_complete_folder_needs_no_network(download: Download, monkeypatch: pytest.MonkeyPatch) -> None:
    assert download() == 0
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    assert download() == 0
    assert download("--verify") == 0


def test_a_dropped_connection_is_resumed_where_it_broke(download: Download, hub: HubState) -> None:
    hub.drops[FLOW] = 2
    assert download() == 0
    assert ranges(hub, FLOW) == ["bytes=0-", "bytes=150000-", "bytes=225000-"]


def test_a_busy_server_is_asked_again(download: Download, hub: HubState) -> None:
    hub.busy[FLOW] = 2
    assert download() == 0
    assert ranges(hub, FLOW) == ["bytes=0-"] * 3


def test_a_later_run_goes_on_with_what_an_earlier_one_left(
    download: Download, hub: HubState, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.drops[FLOW], hub.dies_after[FLOW] = 1, 1
    assert download() == 1
    assert "no network" in capsys.readouterr().err
    assert [part.stat().st_size for part in parts(folder) if "flow" in part.name] == [150_000]
    hub.dies_after.clear()
    hub.asked.clear()
    assert download() == 0
    assert ranges(hub, FLOW) == ["bytes=150000-"]
    assert parts(folder) == []


@pytest.mark.parametrize("path", [FLOW, "pipeline.json"])
def test_corrupt_bytes_are_told_and_not_kept(
    path: str, download: Download, hub: HubState, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.corrupt.add(path)
    assert download() == 1
    assert f"hash mismatch: the download of image_to_3d/{path}" in capsys.readouterr().err
    assert not (folder / "image_to_3d" / path).exists()
    hub.corrupt.clear()
    assert download() == 0


def test_a_later_run_stays_at_the_locked_commit(download: Download, hub: HubState, folder: Path) -> None:
    assert download() == 0
    (folder / "image_to_3d" / FLOW).unlink()
    assert download() == 0
    assert hub.described == ["main", COMMIT]


def test_a_disk_that_fills_up_is_told_and_the_part_kept(
    download: Download, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(reply: httpx.Response) -> Iterator[bytes]:
        if reply.has_redirect_location:
            return
        yield b"abc"
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(httpx.Response, "iter_raw", full)
    assert download("--jobs", "1") == 1
    assert "no space left for image_to_3d/pipeline.json" in capsys.readouterr().err
    assert b"abc" in [part.read_bytes() for part in parts(folder)]


def test_verify_finds_a_changed_file_and_the_next_run_mends_it(
    download: Download, hub: HubState, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert download() == 0
    (folder / "image_to_3d" / FLOW).write_bytes(bytes(300_000))
    assert download("--verify") == 1
    assert f"hash mismatch or absent: image_to_3d/{FLOW}" in capsys.readouterr().err
    hub.asked.clear()
    assert download() == 0
    assert [path for path, _ in hub.asked] == [FLOW]
    assert download("--verify") == 0


def test_verify_without_a_lock_says_so(download: Download, capsys: pytest.CaptureFixture[str]) -> None:
    assert download("--verify") == 1
    assert "no lock" in capsys.readouterr().err


def test_files_that_were_copied_by_hand_are_adopted(download: Download, hub: HubState, folder: Path) -> None:
    copied = folder / "image_to_3d" / FLOW
    copied.parent.mkdir(parents=True)
    copied.write_bytes(hub.repositories["some/open"].files[FLOW])
    assert download() == 0
    assert ranges(hub, FLOW) == []


def test_a_gated_repository_without_a_token_says_what_to_do(
    download: Download, capsys: pytest.CaptureFixture[str]
) -> None:
    assert download(sources=(OPEN, GATED)) == 1
    told = capsys.readouterr().err
    assert "some/gated is gated and HF_TOKEN is not set" in told
    assert "accept its licence at" in told


def test_a_token_without_access_says_what_to_do(
    download: Download, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "another-token")
    assert download(sources=(GATED,)) == 1
    assert "HF_TOKEN may not read it" in capsys.readouterr().err


def test_a_token_opens_the_gate_and_does_not_follow_the_redirect(
    download: Download, hub: HubState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert download(sources=(OPEN, GATED)) == 0
    assert hub.tokens == {None}


def test_no_network_is_told(
    download: Download, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    assert download() == 1
    assert f"no network: {NOWHERE} cannot be reached" in capsys.readouterr().err


def test_no_space_is_told_before_the_first_byte(
    download: Download,
    hub: HubState,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(free=1000))
    assert download() == 1
    assert "no space" in capsys.readouterr().err
    assert hub.asked == []


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ((WeightFile(path="absent.json"),), "has no file absent.json"),
        ((WeightFile(path=FLOW, size=5),), "the manifest expects 5"),
    ],
)
def test_a_repository_that_is_not_the_manifests_is_refused(
    files: tuple[WeightFile, ...], complaint: str, download: Download, capsys: pytest.CaptureFixture[str]
) -> None:
    source = WeightSource(role="r", origin=OPEN.origin, folder="f", licence="MIT", files=files)
    assert download(sources=(source,)) == 1
    assert complaint in capsys.readouterr().err


def test_a_file_outside_the_hub_is_held_to_the_manifests_hash(
    endpoint: str, download: Download, hub: HubState, folder: Path
) -> None:
    content = hub.repositories["some/open"].files[FLOW]
    sha256 = hashlib.sha256(content).hexdigest()
    source = WeightSource(
        role="aesthetics",
        origin=Url(address=f"{endpoint}/cdn/some/open/{FLOW}"),
        folder="validation",
        licence="MIT",
        files=(WeightFile(path="head.pth", size=len(content), sha256=sha256),),
    )
    assert download(sources=(source,)) == 0
    assert (folder / "validation/head.pth").read_bytes() == content
    assert json.loads((folder / LOCK_NAME).read_text())["files"]["validation/head.pth"]["commit"] is None


def test_the_hubs_cache_serves_without_a_network(
    download: Download, hub: HubState, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_cache(Path(constants.HF_HUB_CACHE), hub)
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    assert download() == 0
    assert (folder / "image_to_3d" / FLOW).read_bytes() == hub.repositories["some/open"].files[FLOW]
    lock = read_lock(folder)
    assert lock is not None
    assert {file.commit for file in lock.files.values()} == {COMMIT}


def test_the_hubs_cache_saves_the_transfer(download: Download, hub: HubState) -> None:
    fill_cache(Path(constants.HF_HUB_CACHE), hub)
    assert download() == 0
    assert hub.asked == []


def fill_cache(cache: Path, hub: HubState) -> None:
    """The open repository, as the hub's client would have cached it."""
    repository = cache / "models--some--open"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs/main").write_text(COMMIT)
    (repository / "blobs").mkdir()
    for path, content in hub.repositories["some/open"].files.items():
        git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        blob = repository / "blobs" / (hashlib.sha256(content).hexdigest() if len(content) > 1000 else git)
        blob.write_bytes(content)
        pointer = repository / "snapshots" / COMMIT / path
        pointer.parent.mkdir(parents=True, exist_ok=True)
        pointer.symlink_to(blob)


def test_a_dry_run_lists_and_fetches_nothing(
    download: Download, hub: HubState, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert download("--dry-run", sources=(OPEN, GATED)) == 0
    told = capsys.readouterr().out
    for expected in (
        "some/open, licence MIT",
        "some/gated, licence Apache-2.0, gated: needs HF_TOKEN",
        "2,001  image_to_3d/ckpts/decoder.safetensors",
        "total 307,013 bytes",
    ):
        assert expected in told
    assert hub.asked == []
    assert not folder.exists()


def test_a_dry_run_without_a_network_shows_the_manifests_sizes(
    download: Download, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    assert download("--dry-run") == 0
    told = capsys.readouterr().out
    assert "~2,000  image_to_3d/ckpts/decoder.safetensors" in told
    assert "total about 302,000 bytes" in told


def test_the_other_image_model_is_fetched_when_the_configuration_names_it(
    download: Download, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    schnell = replace(OPEN, folder="text_to_image", backend="flux1-schnell")
    files = (WeightFile(path="pipeline.json"), WeightFile(path="absent.jinja", optional=True))
    klein = replace(OPEN, origin=HubRepository(name="some/other"), folder="text_to_image", files=files)
    sources = (schnell, replace(klein, backend="flux2-klein-4b"))
    monkeypatch.setenv("MINER__TEXT_TO_IMAGE__BACKEND", "flux2-klein-4b")
    assert download("--dry-run", sources=sources) == 0
    listed = capsys.readouterr().out
    assert "some/other" in listed
    assert "some/open" not in listed
    assert "absent.jinja" not in listed
    assert download(sources=sources) == 0
    assert sorted(file.name for file in (folder / "text_to_image").iterdir()) == ["pipeline.json"]
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    assert download(sources=sources) == 0
    monkeypatch.setenv("MINER__TEXT_TO_IMAGE__BACKEND", "flux1-schnell")
    assert download(sources=sources) == 1
    assert "holds some/other, not some/open" in capsys.readouterr().err
    monkeypatch.setenv("MINER__TEXT_TO_IMAGE__BACKEND", "sd")
    assert download(sources=sources) == 1
    assert "text_to_image.backend: must be one of" in capsys.readouterr().err


def test_another_scorers_files_are_fetched_beside_the_usual_ones_and_stay(
    download: Download, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = (WeightFile(path="pipeline.json"),)
    usual = replace(OPEN, folder="validation")
    other = replace(
        OPEN,
        origin=HubRepository(name="some/other"),
        folder="validation/subnet",
        files=files,
        scorer="subnet",
    )
    for scorer, fetched in (("clip_laion", False), ("subnet", True), ("clip_laion", True)):
        monkeypatch.setenv("MINER__VALIDATION__SCORER", scorer)
        assert download(sources=(usual, other)) == 0
        assert (folder / "validation" / "subnet" / "pipeline.json").is_file() == fetched
    assert download("--verify", sources=(usual, other)) == 0
