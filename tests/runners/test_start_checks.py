"""What ends the start with one line: weights that cannot be whole, and a folder too long for sockets."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from _bentoml_impl.server import serving
from safetensors.torch import load_file, save_file

from command_line.places import ROOT
from configuration.profiles import FAMILIES
from configuration.soundness import damage_in
from configuration.stages import WEIGHTS_FOLDERS
from runners.start_checks import MAX_SOCKET_PATH, SOCKET_IN_FOLDER, lack_of_socket_room
from tests.serving import EMBEDDED, free_port, serve_command

WEIGHTS = ROOT / next(family.folder for family in FAMILIES if family.name == "embedded")
PARTS = sorted(
    str(file.relative_to(WEIGHTS))
    for suffix in ("json", "safetensors")
    for file in WEIGHTS.rglob(f"*.{suffix}")
)


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size * 2 // 3)


def cut_in_header(file: Path) -> None:
    os.truncate(file, 100)


def lengthen(file: Path) -> None:
    with file.open("ab") as stream:
        stream.write(b"\0" * 10)


def empty(file: Path) -> None:
    os.truncate(file, 0)


def error_page(file: Path) -> None:
    file.write_text("<!DOCTYPE html><title>404</title>")


def lead_nowhere(file: Path) -> None:
    file.unlink()
    file.symlink_to("blobs/of/another/machine")


DAMAGES = (cut, cut_in_header, empty, error_page, lead_nowhere)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(WEIGHTS, tmp_path_factory.mktemp("weights") / "copy"))


@pytest.mark.parametrize("part", PARTS)
def test_damage_of_any_file_is_named_in_one_line(part: str, weights: Path) -> None:
    file, whole = weights / part, (weights / part).read_bytes()
    for damage in (*DAMAGES, lengthen) if part.endswith(".safetensors") else DAMAGES:
        if damage is cut_in_header and len(whole) <= 100:
            continue
        damage(file)
        said = damage_in(weights, WEIGHTS_FOLDERS)
        file.unlink()
        file.write_bytes(whole)
        assert (said or "").startswith(f"{file} "), damage.__name__
        assert "\n" not in (said or "")
    assert damage_in(weights, WEIGHTS_FOLDERS) is None


def with_tensor(change: Callable[[dict[str, object]], None]) -> bytes:
    """A file of one tensor of eight bytes, described as `change` makes it."""
    tensor: dict[str, object] = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    change(tensor)
    header = json.dumps({"__metadata__": {"format": "pt"}, "a": tensor}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(8)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda tensor: None, None),
        (lambda tensor: tensor.update(dtype="F16"), "another size than its shape"),
        (lambda tensor: tensor.update(shape=[3]), "another size than its shape"),
        (lambda tensor: tensor.update(data_offsets=[4, 8], shape=[1]), "a gap"),
        (lambda tensor: tensor.update(data_offsets=[0, 16], shape=[4]), "is cut short"),
        (lambda tensor: tensor.pop("shape"), "'a' is not described"),
        (lambda tensor: tensor.update(data_offsets="all"), "'a' is not described"),
        (lambda tensor: tensor.update(dtype="F4", shape=[16]), None),  # a type of the future
    ],
)
def test_a_header_that_contradicts_itself_is_damage(
    change: Callable[[dict[str, object]], None], complaint: str | None, tmp_path: Path
) -> None:
    (tmp_path / "matte").mkdir()
    (tmp_path / "matte/isnet.safetensors").write_bytes(with_tensor(change))
    said = damage_in(tmp_path, ["matte"])
    assert said is None if complaint is None else complaint in (said or "")


def test_an_index_that_names_an_absent_shard_is_damage(tmp_path: Path) -> None:
    index = tmp_path / "t/model.safetensors.index.json"
    index.parent.mkdir()
    index.write_text(json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors"}}))
    assert damage_in(tmp_path, ["t"]) == f"{index} names model-00001-of-00002.safetensors, which is not there"


def test_files_of_an_unfinished_download_beside_the_weights_are_no_damage(tmp_path: Path) -> None:
    (tmp_path / "t/.cache").mkdir(parents=True)
    (tmp_path / "t/.cache/model.safetensors").touch()
    assert damage_in(tmp_path, ["t", "absent"]) is None


def start(environment: dict[str, str], home: Path) -> subprocess.CompletedProcess[str]:
    """`bentoml serve` of the real service, which is expected to end by itself."""
    return subprocess.run(
        serve_command("service:Miner", free_port()),
        cwd=ROOT,
        env={**os.environ, **EMBEDDED, "BENTOML_HOME": str(home), **environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
def test_truncated_weights_end_the_start_with_one_line(weights: Path, tmp_path: Path) -> None:
    file = (
        Path(shutil.copytree(weights, tmp_path / "w"))
        / "text_to_image/vae/diffusion_pytorch_model.safetensors"
    )
    cut(file)
    outcome = start({"WEIGHTS_DIR": str(tmp_path / "w")}, tmp_path / "home")
    assert outcome.returncode == 1
    assert f"{file} is cut short" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert len(outcome.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_temporary_folder_too_long_for_sockets_ends_the_start_with_one_line(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        long = Path(folder) / ("t" * 110)
        long.mkdir()
        outcome = start({"TMPDIR": str(long)}, tmp_path / "home")
        assert outcome.returncode == 1
        assert re.fullmatch(
            r"Error: .*the temporary folder .* set TMPDIR to one of at most 60\n", outcome.stderr
        )
        assert list(long.iterdir()) == []


def test_the_longest_folder_is_the_one_that_bentoml_takes() -> None:
    assert MAX_SOCKET_PATH + 1 == serving.MAX_AF_UNIX_PATH_LENGTH
    longest = MAX_SOCKET_PATH - SOCKET_IN_FOLDER
    assert lack_of_socket_room("/" + "t" * (longest - 1)) is None
    assert lack_of_socket_room("/" + "t" * longest) is not None
    assert len(f"/{'t' * (longest - 1)}/bentoml-uds-{'x' * 8}/{140_000_000_000_000}.sock") == MAX_SOCKET_PATH


@pytest.mark.slow
def test_weights_of_another_shape_end_the_service_with_one_line(weights: Path, tmp_path: Path) -> None:
    """What only the model's process can tell; the others have begun to load meanwhile."""
    file = Path(shutil.copytree(weights, tmp_path / "w")) / "matte/isnet.safetensors"
    tensors = load_file(file)
    tensors["side1.bias"] = torch.zeros(7)
    save_file(tensors, file)
    outcome = start({"WEIGHTS_DIR": str(tmp_path / "w")}, tmp_path / "home")
    assert outcome.returncode == 1
    last = outcome.stderr.strip().splitlines()[-1]
    assert re.fullmatch(
        r"Error: .* matting: .* does not fit its architecture: side1\.bias is \(7,\), not \(1,\)", last
    )
    assert "Traceback" not in outcome.stderr
    assert f"{tmp_path}/w/matte" in last
