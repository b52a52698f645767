"""`POST /validate`: the verdict on a file that a client sends, on the service with stand-in models."""

import base64
import io
import json

import pytest
from PIL import Image
from starlette.testclient import TestClient

from export.ply import write_ply
from export.splat_glb import write_splat_glb
from export.spz import write_spz
from models.gaussians.frames import rotate_frame
from tests.stand_ins.fakes import ball, unturned, write_prompt

SPLATS = ball((0.2, 0.4, 0.6), seed=1).scaled(1.5 / 0.8)
PLY = write_ply(SPLATS)
FILES = {
    "ply": PLY,
    "spz": write_spz(SPLATS),
    "spz4": write_spz(SPLATS, version=4),
    "glb": write_splat_glb(SPLATS),
}


def picture(prompt: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(write_prompt(prompt)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("kind", FILES)
def test_a_forms_file_gets_its_verdict(client: TestClient, kind: str) -> None:
    reply = client.post("/validate", files={"file": (f"a.{kind}", FILES[kind])}, data={"prompt": "mug"})
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "application/json"
    verdict = reply.json()
    assert (verdict["passed"], verdict["gate"], verdict["reason"]) == (True, None, None)
    assert verdict["num_splats"] == 7000
    assert verdict["extent"] == pytest.approx(1.5, abs=0.01)
    assert verdict["score"] == {"total": None, "alignment": 1.0, "aesthetics": 9.0, "parts": {}}
    assert json.loads(reply.headers["x-score"]) == verdict["score"]
    assert "validation;dur" in reply.headers["server-timing"]
    assert "contact_sheet" not in verdict


@pytest.mark.parametrize(
    "kind", ["application/octet-stream", "model/gltf-binary", "", "application/x-www-form-urlencoded"]
)
def test_the_file_may_be_the_body_itself_as_curl_sends_it(client: TestClient, kind: str) -> None:
    headers = {"content-type": kind} if kind else {}
    reply = client.post("/validate/?prompt=an+ugly+mug", content=PLY, headers=headers)
    assert reply.status_code == 200, reply.text
    verdict = reply.json()
    assert (verdict["passed"], verdict["gate"]) == (False, "alignment")
    assert "alignment -1.000 is below" in verdict["reason"]


def test_without_a_prompt_looks_and_gates_count(client: TestClient) -> None:
    verdict = client.post("/validate", content=PLY).json()
    assert verdict["passed"]
    assert verdict["score"]["alignment"] is None


@pytest.mark.parametrize(
    ("data", "gate"),
    [
        (b"no file of splats", "format"),
        (PLY[:5000], "length"),
        (PLY.replace(b"element vertex 7000", b"element vertex 9999999"), "length"),
        (PLY.replace(b"\n", b"\r\n", 1), "header"),
        (write_ply(ball((0.1, 0.1, 0.1), 0, 6999)), "count"),
        (write_ply(rotate_frame(unturned(SPLATS), source="trellis", target="validator")), "rotations"),
        (FILES["spz"][:100], "format"),
        (write_splat_glb(ball((0.1, 0.1, 0.1), 0, 100)), "count"),
    ],
)
def test_a_file_that_fails_a_gate_is_told_which(client: TestClient, data: bytes, gate: str) -> None:
    reply = client.post("/validate", files={"file": ("a", data)}, data={"prompt": "mug"})
    assert reply.status_code == 200
    verdict = reply.json()
    assert (verdict["passed"], verdict["gate"], verdict["score"]) == (False, gate, None)
    assert verdict["reason"].startswith(f"{gate}: ")
    assert "x-score" not in reply.headers


def test_a_contact_sheet_comes_along_where_it_is_wanted(client: TestClient) -> None:
    verdict = client.post("/validate?sheet=1", content=FILES["spz"]).json()
    with Image.open(io.BytesIO(base64.b64decode(verdict["contact_sheet"]))) as sheet:
        assert sheet.format == "PNG"
        assert sheet.width > 1.5 * sheet.height


def test_a_picture_is_cut_out_and_compared(client: TestClient) -> None:
    files = {"file": ("a.ply", PLY), "image": ("mug.png", picture("a mug"))}
    reply = client.post("/validate", files=files)
    assert reply.json()["score"]["parts"] == {"similarity": 1.0}
    assert {"matting;dur", "validation;dur"} <= {
        part.partition("=")[0].strip() for part in reply.headers["server-timing"].split(",")
    }
    files["image"] = ("none.png", picture("nothing"))
    refused = client.post("/validate", files=files)
    assert (refused.status_code, refused.json()["error"]) == (422, "invalid_parameter")
    assert "shows no object" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        ({"data": {"prompt": "mug"}}, 422, "file is missing"),
        ({"content": b"", "headers": {"content-type": "application/octet-stream"}}, 422, "file is missing"),
        ({"json": {"file": "text", "prompt": "mug"}}, 422, "file is missing"),
        ({"content": picture("mug"), "headers": {"content-type": "image/png"}}, 422, "file is missing"),
        ({"content": PLY, "params": {"frame": "sideways"}}, 422, "frame must be one of"),
        ({"content": PLY, "params": {"seed": "1"}}, 422, "the query may hold"),
        ({"content": PLY, "params": {"sheet": "perhaps"}}, 422, "sheet must be one of"),
        ({"content": PLY, "params": {"prompt": " "}}, 422, "prompt is empty"),
        ({"content": bytes(100 * 2**20 + 1)}, 413, "at most 104857600"),
        ({"content": PLY, "headers": {"content-encoding": "gzip"}}, 415, "Content-Encoding"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_a_reason(
    client: TestClient, request_: dict[str, object], status: int, words: str
) -> None:
    reply = client.post("/validate", **request_)  # type: ignore[arg-type]
    assert reply.status_code == status, reply.text
    assert words in reply.json()["detail"]


def test_other_methods_are_refused(client: TestClient) -> None:
    assert client.get("/validate").status_code == 405


def test_the_frame_says_which_way_up_a_ply_is(client: TestClient) -> None:
    sheets = {
        client.post(f"/validate?sheet=1&frame={frame}", content=PLY).json()["contact_sheet"]
        for frame in ("validator", "standard")
    }
    assert len(sheets) == 2
