"""A service starts on a whole download only, and says what to run."""

from dataclasses import replace
from pathlib import Path

import pytest

from configuration import ConfigurationError
from configuration.lock import LOCK_NAME, Lock, LockedFile, write_lock
from configuration.profiles import GIB, Choice, choose_profile

FILE = LockedFile(source="some/repository", commit="c" * 40, size=3, sha256="0" * 64)
NAMES = ("image_to_3d/pipeline.json", "matte/isnet-general-use.pth")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole download of two files."""
    folder = tmp_path / "weights/24gb"
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(b"abc")
    write_lock(folder, Lock(profile="24gb", files=dict.fromkeys(NAMES, FILE)))
    return folder


def choose(folder: Path) -> Choice:
    return choose_profile(
        profile="24gb", weights="auto", device="auto", base=folder.parents[1], gpu_bytes=24 * GIB
    )


def test_a_whole_download_is_taken(folder: Path) -> None:
    assert choose(folder).profile == "24gb"


@pytest.mark.parametrize("damage", ["absent", "short", "unchecked"])
def test_half_a_download_is_refused_with_what_to_run(damage: str, folder: Path) -> None:
    if damage == "absent":
        (folder / NAMES[1]).unlink()
    elif damage == "short":
        (folder / NAMES[1]).write_bytes(b"ab")
    else:
        files = {NAMES[0]: FILE, NAMES[1]: replace(FILE, sha256=None)}
        write_lock(folder, Lock(profile="24gb", files=files))
    with pytest.raises(
        ConfigurationError, match=r"half a download, 1 of 2 .*isnet-general-use.pth.*"
    ) as refused:
        choose(folder)
    assert "python scripts/download_weights.py --profile 24gb" in str(refused.value)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"profile": "24gb", "files": {"a": {"surplus": 1}}}'])
def test_a_damaged_lock_is_refused(content: str, folder: Path) -> None:
    (folder / LOCK_NAME).write_text(content)
    with pytest.raises(ConfigurationError, match=r"lock\.json is damaged"):
        choose(folder)


def test_absent_weights_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"no weights in weights/24gb \(run: python scripts/download_w"
    ):
        choose(tmp_path / "weights/24gb")


@pytest.mark.parametrize("profile", ["auto", "embedded"])
def test_without_a_gpu_a_folder_of_downloaded_weights_is_not_taken_for_the_embedded_ones(
    profile: str, folder: Path
) -> None:
    with pytest.raises(ConfigurationError, match="are downloaded ones, which need a GPU"):
        choose_profile(
            profile=profile, weights=str(folder), device="auto", base=folder.parents[1], gpu_bytes=0
        )
