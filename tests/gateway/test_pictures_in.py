"""A picture instead of a prompt, in every dialect that callers speak, on the service with stand-in models.

A stand-in's picture carries the prompt of its object in its first pixels (`fakes.write_prompt`).
"""

import base64
import io
import struct
import time

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.ply_reader import main_color, read_table
from tests.stand_ins.fakes import SIDE, color_of, write_prompt

STAGES_OF_A_PICTURE = {"matting", "image_to_3d", "validation"}


def picture(prompt: str = "pink bicycle", num_bytes: int = 0, *, cut_out: bool = False) -> bytes:
    """A PNG of an object; of about so many bytes, where noise below the object makes it larger."""
    pixels = write_prompt(prompt)
    side = max(SIDE, int((num_bytes / 3) ** 0.5))
    large = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    flat = large.reshape(-1)
    flat[: pixels.size] = pixels.reshape(-1)
    if cut_out:
        alpha = np.full((side, side, 1), 255, np.uint8)
        alpha[side // 2 :] = 0
        large = np.concatenate([large, alpha], axis=2)
    file = io.BytesIO()
    Image.fromarray(large).save(file, "PNG")
    return file.getvalue()


def text_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def in_lines(text: str) -> str:
    return "\r\n".join(text[i : i + 76] for i in range(0, len(text), 76))


PNG = picture()
BASE64 = text_of(PNG)
REQUESTS = {
    "unmarked base64 in the prompt": {"data": {"prompt": BASE64}},
    "lines of base64": {"data": {"prompt": in_lines(BASE64)}},
    "URL-safe base64": {"data": {"prompt": BASE64.replace("+", "-").replace("/", "_").rstrip("=")}},
    "a data URL in the prompt": {"data": {"prompt": f"data:image/png;base64,{BASE64}"}},
    "image_b64": {"data": {"image_b64": BASE64, "prompt": ""}},
    "image_b64 in JSON": {"json": {"image_b64": BASE64, "seed": 1}},
    "a data URL in JSON": {"json": {"image": f"data:image/png;base64,{BASE64}"}},
    "base64 as the prompt in JSON": {"json": {"prompt": BASE64}},
    "a file prompt_image_file": {"files": {"prompt_image_file": ("a.png", PNG, "image/png")}},
    "a file image": {"files": {"image": ("a.png", PNG)}, "data": {"seed": "1"}},
    "a file in prompt": {"files": {"prompt": ("a.png", PNG)}},
    "a part without a file name": {"files": {"image": (None, PNG)}},
    "the body itself": {"content": PNG, "headers": {"content-type": "image/png"}},
    "the body itself, misnamed": {"content": PNG, "headers": {"content-type": "image/jpeg"}},
    "the same picture twice": {"data": {"image_b64": BASE64, "prompt": BASE64}},
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_every_dialect_gives_the_pictures_object(client: TestClient, request_: dict[str, object]) -> None:
    reply = client.post("/generate", **request_)  # type: ignore[arg-type]
    assert reply.status_code == 200, reply.text
    assert main_color(reply.content) == pytest.approx(color_of("pink bicycle"), abs=1e-5)
    timing = reply.headers["server-timing"]
    assert all(f"{stage};dur" in timing for stage in STAGES_OF_A_PICTURE)
    assert "text_to_image" not in timing


@pytest.mark.parametrize(("path", "start"), [("/generate_video/", b"ftyp"), ("/generate_mesh", b"glTF")])
def test_other_paths_take_pictures_too(client: TestClient, path: str, start: bytes) -> None:
    reply = client.post(path, data={"prompt": BASE64} | ({"video_res": "64"} if "video" in path else {}))
    assert reply.status_code == 200
    assert start in reply.content[:12]


def test_a_picture_that_is_cut_out_already_needs_no_matting(client: TestClient) -> None:
    reply = client.post("/generate", files={"image": ("a.png", picture(cut_out=True))})
    assert reply.status_code == 200
    assert main_color(reply.content) == pytest.approx(color_of("pink bicycle"), abs=1e-5)
    assert "matting" not in reply.headers["server-timing"]


def test_a_prompt_beside_a_picture_is_for_validation_alone(client: TestClient) -> None:
    fits = client.post("/generate", data={"prompt": "a bicycle", "image_b64": BASE64})
    assert main_color(fits.content) == pytest.approx(color_of("pink bicycle"), abs=1e-5)
    other = client.post("/generate", data={"prompt": "something ugly", "image_b64": BASE64})
    assert (other.status_code, "alignment" in other.headers["x-reject-reason"]) == (204, True)


@pytest.mark.parametrize(("words", "reason"), [("nothing", "empty_matte"), ("void", "empty_structure")])
def test_a_picture_without_an_object_ends_in_204(client: TestClient, words: str, reason: str) -> None:
    reply = client.post("/generate", data={"prompt": text_of(picture(words)), "seed": "7"})
    assert (reply.status_code, reply.content) == (204, b"")
    assert reason in reply.headers["x-reject-reason"]
    assert reply.headers["x-seed"] != "7"  # another one was tried


def test_a_pictures_seed_repeats_its_object(client: TestClient) -> None:
    first = client.post("/generate", data={"prompt": BASE64})
    again = client.post("/generate", data={"prompt": BASE64, "seed": first.headers["x-seed"]})
    assert first.content == again.content


def test_the_competitions_dialect_gets_the_standard_frame_unless_it_names_one(client: TestClient) -> None:
    file = {"prompt_image_file": ("a.png", PNG, "image/png")}
    plain, standard, asked, named = (
        client.post("/generate", **request)
        for request in (
            {"data": {"prompt": BASE64, "seed": 5}},
            {"data": {"prompt": BASE64, "seed": 5, "frame": "standard"}},
            {"files": file, "data": {"seed": "5"}},
            {"files": file, "data": {"seed": "5", "frame": "validator"}},
        )
    )
    assert plain.content == named.content != standard.content == asked.content
    (names, upright), (_, turned) = (read_table(reply.content) for reply in (plain, asked))
    height = names.index("y")
    assert np.allclose(upright[:, height], -turned[:, height], atol=1e-5)


def bomb() -> bytes:
    """A PNG whose header tells of more pixels than its bytes can hold."""
    return PNG[:16] + struct.pack(">II", 8000, 7000) + PNG[24:]


BAD = {
    "cut off": (picture(num_bytes=90_000)[:30_000], 422, "cut off"),
    "a bomb": (bomb(), 422, "cannot hold"),
    "too many pixels": (PNG[:16] + struct.pack(">II", 30_000, 30_000) + PNG[24:], 413, "pixels"),
    "an SVG": (b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"/>' + b" " * 100, 422, "SVG"),
    "a GIF": (b"GIF89a" + bytes(200), 422, "GIF"),
}


@pytest.mark.parametrize(("data", "status", "word"), BAD.values(), ids=BAD)
def test_a_bad_picture_is_refused_in_every_dress(
    client: TestClient, data: bytes, status: int, word: str
) -> None:
    for request in (
        {"files": {"prompt_image_file": ("a.png", data)}},
        {"data": {"image_b64": text_of(data)}},
        {"content": data, "headers": {"content-type": "image/png"}},
    ):
        started = time.perf_counter()
        reply = client.post("/generate", **request)
        seconds = time.perf_counter() - started
        assert reply.status_code == status, reply.text
        assert word in reply.json()["detail"]
        assert seconds < 1.0  # 0.01 s on an idle machine


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"prompt": ""}, "prompt is empty"),
        ({"image_b64": ""}, "prompt is missing"),
        ({"image_b64": "no base64 at all!"}, "base64"),
        ({"image": 3}, "image must be a picture"),
        ({"prompt": text_of(bytes(range(256)) * 2)}, "base64"),
        ({"image_b64": BASE64, "image": text_of(picture("lamp"))}, "two different pictures"),
        ({"prompt": BASE64, "image": text_of(picture("lamp"))}, "two different pictures"),
    ],
)
def test_what_is_neither_text_nor_picture_is_a_422_that_says_so(
    client: TestClient, fields: dict[str, object], word: str
) -> None:
    reply = client.post("/generate", json=fields)
    assert reply.status_code == 422, reply.text
    assert word in reply.json()["detail"]


def test_only_a_picture_makes_a_body_large(client: TestClient) -> None:
    large = client.post("/generate", data={"prompt": "mug", "note": "x" * 2_000_000})
    assert large.status_code == 413
    larger = client.post("/generate", content=bytes(12_000_000), headers={"content-type": "image/png"})
    assert larger.status_code in (413, 422)


def test_the_description_of_the_service_names_the_picture(client: TestClient) -> None:
    described = client.get("/docs.json").json()
    for path in ("/generate", "/generate_video", "/generate_mesh"):
        schema = described["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        if "$ref" in schema:
            schema = described["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        assert {"prompt", "image_b64"} <= set(schema["properties"])
        assert "prompt" not in schema.get("required", [])


def test_a_kind_of_body_that_holds_no_picture_keeps_its_old_limit(client: TestClient) -> None:
    reply = client.post("/generate", content=bytes(2_000_000), headers={"content-type": "text/plain"})
    assert reply.status_code == 413
