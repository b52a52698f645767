"""Every error has one shape, and the right status."""

import pytest
from starlette.testclient import TestClient

FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
MULTIPART = {"content-type": "multipart/form-data; boundary=b"}
PART = b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nmug\r\n'


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("POST", "/generate", {}, b"", 422),
        ("POST", "/generate", FORM, b"", 422),
        ("POST", "/generate", FORM, b"text=mug", 422),
        ("POST", "/generate", FORM, b"prompt=", 422),
        ("POST", "/generate", FORM, b"prompt=+%09", 422),
        ("POST", "/generate", FORM, b"prompt=" + b"x" * 1025, 422),
        ("POST", "/generate", FORM, b"prompt=mug&seed=1.5", 422),
        ("POST", "/generate", FORM, b"prompt=mug&seed=one", 422),
        ("POST", "/generate", FORM, b"prompt=mug&seed=-2", 422),
        ("POST", "/generate", FORM, b"prompt=mug&seed=99999999999999999999", 422),
        ("POST", "/generate_video", FORM, b"prompt=mug&video_res=63", 422),
        ("POST", "/generate_video", FORM, b"prompt=mug&video_res=2161", 422),
        ("POST", "/generate_video", FORM, b"prompt=mug&video_res=large", 422),
        ("POST", "/generate", JSON, b'{"prompt": 42}', 422),
        ("POST", "/generate", JSON, b'{"prompt": null}', 422),
        ("POST", "/generate", JSON, b'{"prompt": "mug", "seed": true}', 422),
        ("POST", "/generate", JSON, b'{"prompt": "mug", "seed": 1.5}', 422),
        ("POST", "/generate", JSON, b'{"prompt": "\\ud800"}', 422),
        ("POST", "/generate", FORM, b"prompt=\xff", 400),
        ("POST", "/generate", FORM, b"prompt=%ff", 400),
        ("POST", "/generate", JSON, b"{", 400),
        ("POST", "/generate", JSON, b"[" * 100_000, 400),
        ("POST", "/generate", JSON, b'["prompt"]', 400),
        ("POST", "/generate", JSON, b"\xff", 400),
        ("POST", "/generate", {"content-type": "multipart/form-data"}, PART + b"--b--\r\n", 400),
        ("POST", "/generate", MULTIPART, PART, 400),
        ("POST", "/generate", MULTIPART, b"nonsense--b--", 400),
        ("POST", "/generate", {"content-type": "text/plain"}, b"mug", 415),
        ("POST", "/generate", {"content-type": "application/vnd.bentoml+pickle"}, b"mug", 415),
        ("POST", "/generate", FORM, b"prompt=" + b"x" * 2**20, 413),
        ("POST", "/generate/", JSON, b'{"prompt": "' + b" " * 2**21 + b'"}', 413),
        ("GET", "/generate", {}, b"", 405),
        ("GET", "/generate/", {}, b"", 405),
        ("PUT", "/generate_video", {}, b"", 405),
        ("POST", "/health", {}, b"", 405),
        ("GET", "/nowhere", {}, b"", 404),
        ("POST", "/generate/nowhere", FORM, b"prompt=mug", 404),
        ("POST", "/", FORM, b"prompt=mug", 405),
    ],
)
def test_each_mistake_has_its_status_and_the_one_shape(
    client: TestClient, method: str, path: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    reply = client.request(method, path, headers=headers, content=body, follow_redirects=False)
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/json"
    content = reply.json()
    assert content.keys() == {"error", "detail"}
    assert all(isinstance(value, str) and value for value in content.values())


def test_the_wrong_method_is_told_the_right_one(client: TestClient) -> None:
    assert client.get("/generate").headers["allow"] == "POST"


def test_a_body_without_a_declared_length_is_capped_too(client: TestClient) -> None:
    reply = client.post("/generate", headers=FORM, content=(b"x" * 65536 for _ in range(64)))
    assert reply.status_code == 413
