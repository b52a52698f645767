"""The hub's cache in the shapes it has on people's machines: what is good is taken, what is not is told."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

from configuration.lock import read_lock
from tests.weights.conftest import OPEN, Download
from tests.weights.hub import COMMIT, HubState
from tests.weights.test_download import NOWHERE, fill_cache

FLOW = "ckpts/flow.safetensors"
SNAPSHOT = Path("models--some--open/snapshots") / COMMIT


def copied(cache: Path) -> None:
    """As `cp -rL` leaves it: links resolved, blobs twice."""
    shutil.copytree(cache, cache.with_name("copy"), symlinks=False)
    shutil.rmtree(cache)
    cache.with_name("copy").rename(cache)


def without_blobs(cache: Path) -> None:
    """As HF_HUB_DISABLE_SYMLINKS and Windows have it: the files themselves."""
    copied(cache)
    shutil.rmtree(cache / "models--some--open/blobs")


def hard_linked(cache: Path) -> None:
    """As `cp -al` and deduplicating tools leave it."""
    for file in [path for path in (cache / SNAPSHOT).rglob("*") if path.is_symlink()]:
        blob = file.resolve()
        file.unlink()
        os.link(blob, file)


def relative_links(cache: Path) -> None:
    """As huggingface_hub itself links, with blobs on another disk."""
    blobs = cache / "models--some--open/blobs"
    blobs.rename(cache / "elsewhere")
    blobs.symlink_to(cache / "elsewhere")
    for file in [path for path in (cache / SNAPSHOT).rglob("*") if path.is_symlink()]:
        blob = blobs / file.readlink().name
        file.unlink()
        file.symlink_to(os.path.relpath(blob, file.parent))


def linked_elsewhere(cache: Path) -> None:
    """As tools that keep files in a store of their own link them: the name is no hash."""
    for file in [path for path in (cache / SNAPSHOT).rglob("*") if path.is_symlink()]:
        stored = cache / "store" / file.name
        stored.parent.mkdir(exist_ok=True)
        shutil.move(file.resolve(), stored)
        file.unlink()
        file.symlink_to(stored)


def beside_other_things(cache: Path) -> None:
    """A download under way and a file known to be absent."""
    (cache / "models--some--open/blobs" / ("0" * 64 + ".incomplete")).write_bytes(b"half")
    (cache / "models--some--open/.no_exist" / COMMIT).mkdir(parents=True)
    (cache / "models--some--open/.no_exist" / COMMIT / "config.json").touch()


SHAPES = (copied, without_blobs, hard_linked, relative_links, linked_elsewhere, beside_other_things)


@pytest.fixture
def cache(hub: HubState, download: Download) -> Path:
    """A cache as huggingface_hub fills it."""
    place = Path(constants.HF_HUB_CACHE)
    fill_cache(place, hub)
    return place


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("online", [True, False])
def test_a_good_cache_is_taken(
    shape: object,
    online: bool,
    cache: Path,
    download: Download,
    hub: HubState,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert callable(shape)
    shape(cache)
    if not online:
        monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    assert download() == 0
    assert hub.asked == []
    lock = read_lock(folder)
    assert lock is not None
    for file in OPEN.files:
        content = hub.repositories["some/open"].files[file.path]
        assert (folder / OPEN.lands(file)).read_bytes() == content
        assert lock.files[OPEN.lands(file)].sha256 == hashlib.sha256(content).hexdigest()
    assert download("--verify") == 0


def test_a_bad_copy_is_fetched_instead_and_left_alone(
    cache: Path, download: Download, hub: HubState, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without_blobs(cache)
    bad = cache / SNAPSHOT / FLOW
    bad.write_bytes(bytes(300_000))
    assert download() == 0
    assert "is fetched instead" in capsys.readouterr().err
    assert bad.read_bytes() == bytes(300_000)
    assert (folder / "image_to_3d" / FLOW).read_bytes() == hub.repositories["some/open"].files[FLOW]


def test_a_bad_copy_without_a_network_is_told(
    cache: Path, download: Download, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (cache / SNAPSHOT / FLOW).resolve().write_bytes(bytes(300_000))
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    assert download() == 1
    told = capsys.readouterr().err
    assert "hash mismatch: the hub's cache" in told
    assert "remov" not in told


def test_a_copy_without_links_is_held_to_what_the_lock_knows(
    cache: Path, download: Download, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert download() == 0
    (folder / "image_to_3d" / FLOW).unlink()
    without_blobs(cache)
    (cache / SNAPSHOT / FLOW).write_bytes(bytes(300_000))
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    assert download() == 1
    assert not (folder / "image_to_3d" / FLOW).exists()


def test_the_cache_is_never_written_to(cache: Path, download: Download, hub: HubState, folder: Path) -> None:
    """A copy cut short, taken for a part and gone on with, would be the cache's own file."""
    cut = cache / SNAPSHOT / FLOW
    whole = cut.read_bytes()
    cut.resolve().write_bytes(whole[:1000])
    assert download() == 0
    assert cut.read_bytes() == whole[:1000]
    assert (folder / "image_to_3d" / FLOW).read_bytes() == whole
