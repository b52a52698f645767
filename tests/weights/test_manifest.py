"""The manifest: complete, at the published sizes, and in the layout the service reads."""

import json
from pathlib import Path

import pytest

from models.weights.manifest import (
    BACKENDS,
    DINOV2,
    FLUX,
    ISNET,
    MANIFEST,
    PROFILES,
    SCORERS,
    SUBNET,
    SUBNET_HEAD,
    TRELLIS,
    TRELLIS_RADIANCE_FIELD,
    sources_of,
)
from validation.subnet.files import lack_of_files

TENSOR_BYTES = {"F16": 2, "F32": 4}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("profile", PROFILES)
def test_every_role_has_weights_that_land_apart(profile: str, backend: str) -> None:
    sources = sources_of(profile, MANIFEST, backend)
    landed = [source.lands(file) for source in sources for file in source.files]
    assert len(landed) == len(set(landed))
    folders = {source.folder for source in sources}
    assert folders == {
        "text_to_image",
        "matte",
        "image_to_3d",
        "image_to_3d/image_cond_model",
        "validation/clip",
        "validation",
    }


@pytest.mark.parametrize("profile", PROFILES)
def test_the_validators_scorer_is_fetched_where_it_is_named_and_all_that_it_reads(
    profile: str, tmp_path: Path
) -> None:
    usual, more = (sources_of(profile, MANIFEST, BACKENDS[0], scorer) for scorer in SCORERS)
    assert set(usual) == set(more) - set(SUBNET)
    for source in SUBNET:
        for file in source.files:
            landed = tmp_path / source.lands(file)
            landed.parent.mkdir(parents=True, exist_ok=True)
            landed.touch()
    assert lack_of_files(tmp_path / "validation") is None


def test_the_embedded_family_is_not_published() -> None:
    with pytest.raises(ValueError, match="embedded"):
        sources_of("embedded", MANIFEST)


def test_a_licence_that_is_not_clear_is_said() -> None:
    assert ISNET.licence == SUBNET_HEAD.licence == "UNCLEAR"
    assert "non-commercial" in ISNET.note
    assert [source.name for source in MANIFEST if source.gated] == [FLUX.name]


def test_trellis_sizes_follow_from_the_published_tensors(shared: Path) -> None:
    sizes = {file.path: file.size for file in (*TRELLIS.files, *TRELLIS_RADIANCE_FIELD.files)}
    checkpoints = sorted((shared / "trellis" / "keys").glob("*_fp16.json"))
    assert len(checkpoints) == 6
    for recorded in checkpoints:
        tensors = json.loads(recorded.read_text())["tensors"].values()
        content = sum(TENSOR_BYTES[entry["dtype"]] * _count(entry["shape"]) for entry in tensors)
        size = sizes[f"ckpts/{recorded.stem}.safetensors"]
        assert size is not None
        assert 0 < size - content < 200 * len(tensors)  # the header


def test_trellis_files_are_those_its_description_names(shared: Path) -> None:
    folder = shared / "trellis" / "published_layout"
    paths = {file.path: file for file in (*TRELLIS.files, *TRELLIS_RADIANCE_FIELD.files)}
    description = folder / "pipeline.json"
    assert paths["pipeline.json"].size == description.stat().st_size
    for name in json.loads(description.read_text())["args"]["models"].values():
        assert {f"{name}.json", f"{name}.safetensors"} <= set(paths)


def test_flux_files_are_those_of_its_indexes(shared: Path) -> None:
    folder = shared / "data" / "FLUX.1-schnell"
    listed = {file.path: file for file in FLUX.files}
    known = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert known <= set(listed)
    for index in folder.rglob("*.index.json"):
        content = json.loads(index.read_text())
        shards = {index.with_name(name) for name in content["weight_map"].values()}
        estimates = [listed[shard.relative_to(folder).as_posix()].estimate or 0 for shard in shards]
        assert sum(estimates) == pytest.approx(content["metadata"]["total_size"], abs=len(shards))


def test_the_image_encoder_lies_where_the_service_requires_it() -> None:
    from configuration.profiles import REQUIRED_FILES

    assert DINOV2.lands(DINOV2.files[0]) in REQUIRED_FILES


def _count(shape: list[int]) -> int:
    count = 1
    for length in shape:
        count *= length
    return count
