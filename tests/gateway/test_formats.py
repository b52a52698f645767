"""One object as PLY, GLB, SPZ and MP4."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import gaussforge
import numpy as np
import pytest
import trimesh
from starlette.testclient import TestClient

from configuration import load_configuration
from gateway.pipeline import Pipeline
from gateway.probes import describe
from gateway.request import GenerationRequest
from gateway.responses import Responses
from runners.mesh import why_no_meshes
from tests.export.glb_reading import document_of
from tests.ply_reader import main_color
from tests.stand_ins.fakes import color_of

GLB = "model/gltf-binary"


def models_named(models: str) -> str:
    return f'{{"args": {{"models": {models}}}}}'


def texture_color(data: bytes) -> np.ndarray:
    mesh: Any = trimesh.load_mesh(io.BytesIO(data), file_type="glb", process=False)
    pixels: np.ndarray = np.asarray(mesh.visual.material.baseColorTexture).reshape(-1, 3)
    color: np.ndarray = pixels.mean(axis=0) / 255
    return color


@pytest.mark.parametrize(
    ("path", "fields", "headers"),
    [
        ("/generate", {"format": "glb"}, {}),
        ("/generate/", {"format": "GLB"}, {}),
        ("/generate/", {}, {"accept": f"text/html, {GLB};q=0.9"}),
        ("/generate_mesh", {}, {}),
        ("/generate_mesh/", {}, {}),
    ],
)
def test_a_mesh_can_be_asked_for_in_three_ways(
    client: TestClient, path: str, fields: dict[str, str], headers: dict[str, str]
) -> None:
    data = {"prompt": "teapot", "seed": "3", **fields}
    reply = client.post(path, data=data, headers=headers, follow_redirects=False)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == GLB
    assert reply.headers["x-seed"] == "3"
    assert {"mesh_decoder;dur", "mesh;dur", "validation;dur"} <= {
        part.split("=")[0] for part in reply.headers["server-timing"].split(", ")
    }
    assert reply.headers["x-mesh-watertight"] == "true"
    assert "x-mesh-report" not in reply.headers
    np.testing.assert_allclose(texture_color(reply.content), color_of("teapot"), atol=0.02)


def test_a_mesh_with_holes_is_not_called_watertight_and_the_reason_is_sent(client: TestClient) -> None:
    reply = client.post("/generate_mesh", data={"prompt": "mug without bottom"})
    assert reply.headers["x-mesh-watertight"] == "false"
    assert reply.headers["x-mesh-report"] == "3 open edges"
    assert document_of(reply.content)["asset"]["extras"] == {"watertight": False}


def test_the_named_format_goes_before_the_accepted_type(client: TestClient) -> None:
    reply = client.post("/generate", data={"prompt": "mug", "format": "ply"}, headers={"accept": GLB})
    assert reply.content.startswith(b"ply\n")
    assert "x-mesh-watertight" not in reply.headers


def test_a_client_that_refuses_meshes_gets_splats(client: TestClient) -> None:
    reply = client.post("/generate", data={"prompt": "mug"}, headers={"accept": f"*/*, {GLB};q=0"})
    assert reply.content.startswith(b"ply\n")


def test_spz_holds_the_splats(client: TestClient) -> None:
    reply = client.post("/generate", json={"prompt": "mug", "format": "spz"})
    assert reply.headers["content-type"] == "application/octet-stream"
    ply = bytes(gaussforge.GaussForge().convert(reply.content, "spz", "ply")["data"])
    assert main_color(ply) == pytest.approx(color_of("mug"), abs=0.01)


def test_several_formats_come_from_one_generation_in_a_zip(client: TestClient) -> None:
    fields = {"prompt": "lamp", "seed": "9", "format": "ply,glb, spz,mp4,ply"}
    reply = client.post("/generate", data=fields)
    assert reply.headers["content-type"] == "application/zip"
    assert reply.headers["x-mesh-watertight"] == "true"
    assert reply.headers["server-timing"].count("image_to_3d;") == 1
    bundle = zipfile.ZipFile(io.BytesIO(reply.content))
    assert bundle.namelist() == ["object.ply", "object.glb", "object.spz", "object.mp4"]
    alone = client.post("/generate", data={"prompt": "lamp", "seed": "9"}).content
    assert bundle.read("object.ply") == alone
    assert bundle.read("object.glb")[:4] == b"glTF"
    assert bundle.read("object.mp4")[4:8] == b"ftyp"


@pytest.mark.parametrize("name", ["obj", "ply,obj", ",", "ply;glb"])
def test_an_unknown_format_is_422(client: TestClient, name: str) -> None:
    reply = client.post("/generate", data={"prompt": "mug", "format": name})
    assert reply.status_code == 422
    assert reply.json()["error"] == "invalid_parameter"
    assert "format" in reply.json()["detail"]


def test_a_rejected_object_has_no_mesh(client: TestClient) -> None:
    reply = client.post("/generate_mesh", data={"prompt": "ugly"})
    assert (reply.status_code, reply.content) == (204, b"")
    assert "mesh_decoder" not in reply.headers["server-timing"]


def test_version_says_whether_there_are_meshes(client: TestClient) -> None:
    assert client.get("/version").json()["meshes"] == "available"


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize(
    "pipeline", ["", "[]", models_named("{}"), models_named('{"slat_decoder_mesh": "x"}')]
)
def test_weights_without_a_mesh_decoder_are_501_and_say_so(tmp_path: Path, pipeline: str) -> None:
    (tmp_path / "image_to_3d").mkdir()
    (tmp_path / "image_to_3d/pipeline.json").write_text(pipeline)
    configuration = replace(load_configuration(), weights=str(tmp_path))
    lack = why_no_meshes(configuration)
    assert lack is not None
    assert describe(configuration)["meshes"] == f"unavailable: {lack}"
    responses = Responses(object.__new__(Pipeline), why_no_meshes=lack, frame="validator")
    refusal = responses.refusal(GenerationRequest(formats=("ply", "glb")))
    assert refusal is not None
    assert refusal.status_code == 501
    assert b"meshes_unavailable" in bytes(refusal.body)
    assert responses.refusal(GenerationRequest(formats=("ply", "spz"))) is None
