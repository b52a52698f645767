"""Every file of one object: its axes, size, name and tag, and what is refused."""

import io
import json
import re
import zipfile
from dataclasses import replace
from typing import Any

import gaussforge
import imageio_ffmpeg
import numpy as np
import pytest
import trimesh
from PIL import Image
from starlette.testclient import TestClient

from export.ply import read_ply
from export.reduction.reduction import reduce_splats
from gateway.errors import HttpError
from gateway.film_times import FilmTimes
from models.gaussians.gaussians import Gaussians
from rendering.renderer import SplatRenderer
from runners.formats import FORMATS
from tests.stand_ins.fakes import color_of

ALL = ",".join(FORMATS)


@pytest.fixture(scope="module", params=["validator", "standard"])
def files(client: TestClient, request: pytest.FixtureRequest) -> tuple[str, dict[str, bytes]]:
    """Every kind of file of one generation, twice as large as usual."""
    fields = {"prompt": "teapot", "seed": "5", "format": ALL, "frame": request.param, "size": "3"}
    reply = client.post("/generate", data=fields | {"video_res": "128"})
    assert reply.status_code == 200, reply.text
    assert reply.headers["server-timing"].count("image_to_3d;") == 1
    with zipfile.ZipFile(io.BytesIO(reply.content)) as bundle:
        names = [f"object.{form.suffix}" for form in FORMATS.values()]
        assert bundle.namelist() == names
        return request.param, {name: bundle.read(name) for name in names}


def splats_in(data: bytes, kind: str) -> Gaussians:
    """By another program's reader, but for PLYs."""
    if kind == "ply":
        return read_ply(data)
    return read_ply(bytes(gaussforge.GaussForge().convert(data, kind, "ply")["data"]))


def sorted_places(means: np.ndarray) -> np.ndarray:
    """Each coordinate by itself, since some formats write splats in an order of their own."""
    return np.sort(means.astype(np.float64), axis=0)


def test_splat_files_agree_in_axes_size_and_colour(files: tuple[str, dict[str, bytes]]) -> None:
    _, found = files
    ply = read_ply(found["object.ply"]).means.numpy()
    assert np.ptp(ply, axis=0).max() == pytest.approx(3.0, abs=1e-4)
    for kind in ("spz", "sog", "compressed.ply"):
        other = splats_in(found[f"object.{kind}"], kind)
        np.testing.assert_allclose(sorted_places(other.means.numpy()), sorted_places(ply), atol=2e-3)
        np.testing.assert_allclose(other.colors.mean(0), color_of("teapot"), atol=0.01)


def test_gltf_files_stand_upright_in_every_frame_and_have_the_size(
    files: tuple[str, dict[str, bytes]],
) -> None:
    frame, found = files
    flip = [1, -1, -1] if frame == "standard" else [1, 1, 1]
    upright = read_ply(found["object.ply"]).means.numpy() * flip
    scene: Any = trimesh.load_scene(io.BytesIO(found["object.splat.glb"]), file_type="glb")
    (points,) = scene.geometry.values()
    np.testing.assert_allclose(np.asarray(points.vertices), upright, atol=1e-5)
    mesh: Any = trimesh.load_scene(io.BytesIO(found["object.glb"]), file_type="glb").to_mesh()
    assert mesh.extents.max() > 0


def test_videos_and_pictures_have_the_size_that_was_asked_for(
    files: tuple[str, dict[str, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    _, found = files
    folder = tmp_path_factory.mktemp("films")
    stills = [Image.open(io.BytesIO(found[f"object.{kind}"])).convert("RGB") for kind in ("png", "webp")]
    assert {still.size for still in stills} == {(128, 128)}
    first = np.asarray(stills[0]).astype(float)
    assert first.min() < 240  # not blank
    assert np.abs(np.asarray(stills[1]) - first).mean() < 2
    for kind in ("mp4", "webm"):
        file = folder / f"object.{kind}"
        file.write_bytes(found[file.name])
        frames = imageio_ffmpeg.read_frames(str(file))
        assert next(frames)["size"] == (128, 128)
        poster = np.frombuffer(next(frames), np.uint8).reshape(128, 128, 3)
        assert np.abs(poster - first).mean() < 2  # the picture is the film's first frame
        frames.close()


def test_a_frame_asked_for_is_the_configured_one_turned(client: TestClient) -> None:
    asked = {"prompt": "mug", "seed": "2"}
    usual, standard, same = (
        client.post("/generate", data=asked | more).content
        for more in ({}, {"frame": "standard"}, {"frame": "validator"})
    )
    assert same == usual
    rows, turned = (
        np.frombuffer(data[data.index(b"end_header\n") + 11 :], "<f4").reshape(-1, 17)
        for data in (usual, standard)
    )
    np.testing.assert_array_equal(turned[:, :3], rows[:, :3] * [1, -1, -1])
    np.testing.assert_array_equal(turned[:, 3:13], rows[:, 3:13])


def test_the_spz_version_is_chosen(client: TestClient) -> None:
    asked = {"prompt": "mug", "seed": "2", "format": "spz"}
    third, fourth = (client.post("/generate", data=asked | {"spz_version": v}).content for v in "34")
    assert (third[:2], fourth[:8]) == (b"\x1f\x8b", b"NGSP\x04\0\0\0")
    assert np.array_equal(splats_in(third, "spz").means, splats_in(fourth, "spz").means)


@pytest.mark.parametrize(("name", "form"), FORMATS.items(), ids=list(FORMATS))
def test_every_format_has_its_type_a_name_and_a_tag(client: TestClient, name: str, form: Any) -> None:
    fields = {"prompt": "Red Mug", "seed": "1", "format": name, "video_res": "64", "exact": "1"}
    replies = [client.post("/generate", data=fields) for _ in range(2)]
    for reply in replies:
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"].split(";")[0] == form.media_type
        disposition = reply.headers["content-disposition"]
        assert re.fullmatch(rf'attachment; filename="red-mug-[0-9a-f]{{8}}\.{form.suffix}"', disposition)
        assert reply.headers["content-length"] == str(len(reply.content))
        assert re.fullmatch(r'"[0-9a-f]{32}"', reply.headers["etag"])
    assert replies[0].content == replies[1].content
    assert replies[0].headers["etag"] == replies[1].headers["etag"]


def test_names_of_other_scripts_are_sent_in_utf_8(client: TestClient) -> None:
    reply = client.post("/generate", data={"prompt": "чайник", "format": "ply,spz"})
    disposition = reply.headers["content-disposition"]
    assert disposition.startswith("attachment; filename=\"object.zip\"; filename*=UTF-8''")
    assert disposition.endswith("%D1%87%D0%B0%D0%B9%D0%BD%D0%B8%D0%BA.zip")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("frame", "upright", "frame must be one of validator, standard, not 'upright'"),
        ("spz_version", "2", "spz_version must be one of 3, 4, not '2'"),
        ("spz_version", "3.0", "spz_version must be one of 3, 4"),
        ("size", "0.05", "size must lie between 0.1 and 100, not 0.05"),
        ("size", "1e3", "size must lie between 0.1 and 100"),
        ("size", "large", "size must be a number, 0.1 to 100"),
        ("size", "nan", "size must be a number"),
        ("video_res", "63", "video_res must lie between 64 and 2160"),
        ("format", "usdz", ", ".join(FORMATS)),
    ],
)
def test_bad_values_are_422_and_name_the_field_and_what_it_may_be(
    client: TestClient, field: str, value: str, said: str
) -> None:
    for reply in (
        client.post("/generate", data={"prompt": "mug", field: value}),
        client.post("/generate", json={"prompt": "mug", field: value}),
        client.post(f"/generate?{field}={value}", data={"prompt": "mug"}),
    ):
        assert reply.status_code == 422
        assert reply.json()["error"] == "invalid_parameter"
        assert said in reply.json()["detail"]


def test_json_numbers_are_taken(client: TestClient) -> None:
    asked = {"prompt": "mug", "format": "spz", "spz_version": 4, "size": 0.5}
    reply = client.post("/generate", json=asked)
    assert reply.status_code == 200, reply.text
    extent = np.ptp(splats_in(reply.content, "spz").means.numpy(), axis=0)
    assert extent.max() == pytest.approx(0.5, abs=1e-3)


def test_a_film_that_cannot_be_ready_is_refused_with_the_largest_size_that_can() -> None:
    times = FilmTimes(num_frames=144, deadline_seconds=120.0)
    times.check(2160)  # nothing is known yet
    times.note(64, 9.0)  # tells nothing of large frames
    times.check(2160)
    times.note(512, 0.3 + 144 * 512**2 * 1.0e-6)
    assert times.seconds(1024) == pytest.approx(0.3 + 151.0, abs=0.5)
    with pytest.raises(HttpError) as refused:
        times.check(1024)
    assert refused.value.status == 422
    assert refused.value.detail.startswith("video_res 1024 would take about 151 s of the 120 s there are")
    largest = int(re.findall(r"at most (\d+)", refused.value.detail)[0])
    times.check(largest)
    assert 0.8 * 120 - times.seconds(largest) < 1.0
    for _ in range(8):  # the machine has time again
        times.note(512, 0.3 + 144 * 512**2 * 1.0e-7)
    times.check(2160)


def test_a_refusal_costs_no_generation(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: FilmTimes, side: int) -> None:
        raise HttpError(422, f"video_res {side} cannot")

    monkeypatch.setattr(FilmTimes, "check", refuse)
    replies = [
        client.post("/generate_video", data={"prompt": "mug", "video_res": "2160"}),
        client.post("/generate", data={"prompt": "mug", "video_res": "2160", "format": "ply,webm"}),
    ]
    assert [reply.status_code for reply in replies] == [422, 422]
    assert all(reply.json()["detail"] == "video_res 2160 cannot" for reply in replies)
    assert client.post("/generate", data={"prompt": "mug", "format": "png"}).status_code == 200


def test_a_new_format_is_an_entry_of_one_table(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(splats: Gaussians, _: object) -> bytes:
        return json.dumps(splats.means.abs().amax(0).tolist()).encode()

    form = replace(FORMATS["spz"], media_type="application/json", suffix="extents.json", write=write)
    monkeypatch.setitem(FORMATS, "extents", form)
    reply = client.post("/generate", data={"prompt": "mug", "format": "extents", "size": "4"})
    assert reply.headers["content-type"] == "application/json"
    assert max(reply.json()) == pytest.approx(2.0, abs=0.01)
    assert "extents" in client.post("/generate", data={"prompt": "a", "format": "x"}).json()["detail"]


def test_an_object_comes_with_as_many_splats_as_are_wanted(client: TestClient) -> None:
    asked = {"prompt": "dense teapot", "seed": "5", "format": "ply,spz"}
    whole = client.post("/generate", data=asked | {"format": "ply"})
    assert read_ply(whole.content).num_splats > 8000
    reply = client.post("/generate", data=asked | {"splats": "7000"})
    assert reply.status_code == 200, reply.text
    with zipfile.ZipFile(io.BytesIO(reply.content)) as bundle:
        reduced = {kind: splats_in(bundle.read(f"object.{kind}"), kind) for kind in ("ply", "spz")}
    assert {kind: splats.num_splats for kind, splats in reduced.items()} == {"ply": 7000, "spz": 7000}
    for splats in reduced.values():
        np.testing.assert_allclose(
            splats.means.aminmax(dim=0)[1], read_ply(whole.content).means.amax(0), atol=1e-3
        )
        np.testing.assert_allclose(splats.colors.mean(0), color_of("dense teapot"), atol=0.01)
    every = client.post("/generate", data=asked | {"format": "ply", "splats": "1000000"})
    assert read_ply(every.content).num_splats == read_ply(whole.content).num_splats


def test_one_reduction_serves_all_files_of_an_object(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    reduced: list[int] = []

    def counted(splats: Gaussians, num_splats: int, renderer: SplatRenderer) -> Gaussians:
        reduced.append(num_splats)
        return reduce_splats(splats, num_splats, renderer)

    monkeypatch.setattr("export.reduction.reduction.reduce_splats", counted)
    asked = {"prompt": "dense teapot", "format": "ply,spz,png", "splats": "7000"}
    replies = [client.post("/generate", data=asked | {"seed": seed}) for seed in ("6", "7")]
    assert [reply.status_code for reply in replies] == [200, 200]
    assert reduced == [7000, 7000]  # one an object
    assert replies[0].content != replies[1].content


def test_a_file_is_no_larger_than_wanted_and_loses_no_more_for_it(client: TestClient) -> None:
    reply = client.post("/generate", json={"prompt": "dense teapot", "seed": 5, "max_bytes": 520_000})
    assert reply.status_code == 200, reply.text
    assert 490_000 < len(reply.content) <= 520_000


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"splats": "6999"}, "splats must lie between 7000 and 10000000, not 6999"),
        ({"splats": "many"}, "splats must be an integer"),
        ({"max_bytes": "1000"}, "max_bytes must lie between 500000"),
        ({"splats": "8000", "format": "glb"}, "splats needs a format among ply, spz"),
        ({"max_bytes": "600000", "format": "mp4,glb"}, "max_bytes needs a format among ply, spz"),
    ],
)
def test_fewer_splats_than_the_validator_takes_or_without_effect_are_422(
    client: TestClient, fields: dict[str, str], said: str
) -> None:
    reply = client.post("/generate", data={"prompt": "mug"} | fields)
    assert reply.status_code == 422
    assert said in reply.json()["detail"]
