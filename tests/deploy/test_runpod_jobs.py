"""The serverless worker's jobs: what is refused before any work, what becomes of answers."""

import ast
import asyncio
import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from command_line.places import ROOT
from deploy.runpod.child import ServiceLimits
from deploy.runpod.handler import Worker
from deploy.runpod.orders import FIELDS, read_order
from deploy.runpod.uploads import UploadRules
from gateway.errors import HttpError

RULES = UploadRules(hosts=("store.example", "*.r2.example", "other.example:8443"), max_bytes=100)
LIMITS = ServiceLimits(concurrency=8, deadline_seconds=1.0, video_deadline_seconds=2.0)
UPLOAD: dict[str, Any] = {"deliver": "url", "upload_url": "https://store.example/key?signature=a%2Bb"}
Answer = Callable[[httpx.Request], httpx.Response]


def refusal(given: object) -> str:
    with pytest.raises(HttpError) as caught:
        read_order(given, RULES)
    assert caught.value.status == 422
    return caught.value.detail


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "must be an object"),
        ("pink bicycle", "must be an object"),
        ({}, "prompt is missing"),
        ({"prompt": ""}, "prompt is empty"),
        ({"prompt": 3}, "prompt must be a text"),
        ({"prompt": "a", "seed": "x"}, "seed must be an integer"),
        ({"prompt": "a", "seed": True}, "seed must be an integer"),
        ({"prompt": "a", "seed": 2**32}, "seed must lie between"),
        ({"prompt": "a", "format": "obj"}, "format must be some of"),
        ({"prompt": "a", "format": ["ply"]}, "format must be some of"),
        ({"prompt": "a", "format": "mp4", "video_res": 63}, "video_res must lie between"),
        ({"prompt": "a", "video_res": 512}, "goes with formats mp4, webm, png and webp"),
        ({"prompt": "a", "format": "ply,glb", "video_res": 512}, "goes with formats mp4"),
        ({"prompt": "a", "frame": "upright"}, "frame must be one of validator, standard"),
        ({"prompt": "a", "promt": "b"}, "unknown field 'promt'"),
        ({"prompt": "a", "deliver": "s3"}, "deliver must be inline or url"),
        ({"prompt": "a", "deliver": ["url"]}, "deliver must be inline or url"),
        ({"prompt": "a", "upload_url": "https://store.example/"}, "goes with deliver: url"),
        ({"prompt": "a", "deliver": "url"}, "needs an upload_url"),
    ],
)
def test_bad_input_is_refused_with_its_reason(given: object, words: str) -> None:
    assert words in refusal(given)


def test_a_picture_goes_on_as_base64_with_or_without_a_prompt() -> None:
    text = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()
    for given in ({"image_b64": text}, {"prompt": text}, {"prompt": f"data:image/png;base64,{text}"}):
        order = read_order({**given, "seed": 7}, RULES)
        assert order.fields == {"image_b64": text, "seed": 7}
    both = read_order({"image_b64": text, "prompt": "a chair"}, RULES)
    assert both.fields == {"image_b64": text, "prompt": "a chair"}
    assert "base64" in refusal({"image_b64": "no picture"})


@pytest.mark.parametrize(
    "url",
    [
        "http://store.example/key",
        "ftp://store.example/key",
        "//store.example/key",
        "file:///etc/passwd",
        "https://evil.example/key",
        "https://store.example.evil.example/key",
        "https://evil-store.example/key",
        "https://r2.example/key",
        "https://store.example:8443/key",
        "https://other.example/key",
        "https://store.example@evil.example/key",
        "https://name:word@store.example/key",
        "https://evil.example\\@store.example/",
        "https://127.0.0.1/key",
        "https://[::1]/key",
        "https://169.254.169.254/latest",
        "https://store.example:99999/",
        "https://store.example/a b",
        "https://store.example/\r\nx: y",
        "https://störe.example/",
        "https:///key",
        "https://store.example/" + "a" * 9000,
        "",
        7,
    ],
)
def test_nothing_is_put_at_an_address_that_the_operator_did_not_list(url: object) -> None:
    assert refusal({"prompt": "a", "deliver": "url", "upload_url": url})


@pytest.mark.parametrize(
    "url",
    [
        UPLOAD["upload_url"],
        "https://STORE.example:443/key",
        "https://bucket.r2.example/key",
        "https://a.b.r2.example/key",
        "https://other.example:8443/key",
    ],
)
def test_listed_hosts_may_take_results(url: str) -> None:
    assert read_order({"prompt": "a", "deliver": "url", "upload_url": url}, RULES).upload_url == url


def test_hosts_are_listed_with_commas() -> None:
    assert UploadRules.of("").hosts == ()
    assert UploadRules.of(" A.example , *.b.example,c.example:8443,").hosts == (
        "a.example",
        "*.b.example",
        "c.example:8443",
    )


@pytest.mark.parametrize(
    "listed", ["https://a.example", "a.example/path", "*", "a b", "a:b", "*.*.a", "a.example:"]
)
def test_what_is_no_host_is_refused_at_the_start(listed: str) -> None:
    with pytest.raises(ValueError, match="is neither a host"):
        UploadRules.of(listed)


def test_a_video_of_a_size_has_its_own_path() -> None:
    order = read_order({"prompt": "a", "format": "mp4", "video_res": 512}, RULES)
    assert (order.path, dict(order.fields), order.is_quick) == (
        "/generate_video/",
        {"prompt": "a", "video_res": 512},
        False,
    )
    order = read_order({"prompt": "a", "seed": 7, "format": "PLY, spz"}, RULES)
    assert (order.path, dict(order.fields), order.is_quick) == (
        "/generate/",
        {"prompt": "a", "seed": 7, "format": "ply,spz"},
        True,
    )


SAMPLES: Mapping[str, object] = {
    "prompt": "mug",
    "image_b64": base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode(),
    "seed": 7,
    "format": "glb",
    "exact": True,
    "video_res": 512,
    "frame": "standard",
    "splats": 10_000,
    "max_bytes": 1_000_000,
    "size": 0.5,
    "spz_version": 3,
}


def methods_of_the_service() -> dict[str, set[str]]:
    """By path, the parameters of the methods behind the HTTP service, read off their definitions."""
    found = {}
    tree = ast.parse((ROOT / "service.py").read_text())
    for node in (node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)):
        for call in node.decorator_list:
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "bentoml.api":
                (route,) = [ast.literal_eval(word.value) for word in call.keywords if word.arg == "route"]
                found[route] = {argument.arg for argument in node.args.args} - {"self"}
    return found


@pytest.mark.parametrize(("path", "more"), [("/generate", {}), ("/generate_video", {"format": "mp4"})])
def test_every_option_of_the_service_reaches_it_from_a_job(path: str, more: dict[str, str]) -> None:
    names = methods_of_the_service()[path]
    assert names <= set(FIELDS)
    for name in names:
        kind = "spz" if name == "max_bytes" else "png"  # of splat files alone
        given = {"prompt": "mug", "format": kind, name: SAMPLES[name]} | more
        order = read_order(given, RULES)
        assert order.path == f"{path}/"
        assert order.fields[name] == SAMPLES[name], name


def ply(request: httpx.Request) -> httpx.Response:
    headers = {"x-seed": "7", "content-type": "application/octet-stream", "server-timing": "total;dur=1.0"}
    return httpx.Response(200, content=b"ply" * 10, headers=headers)


async def result_of(
    monkeypatch: pytest.MonkeyPatch, answer: Answer, inline_bytes: int = 1000, **given: Any
) -> dict[str, Any]:
    """What the worker gives back, with `answer` in place of the service and of the store."""
    real = httpx.AsyncClient

    def client(**options: Any) -> httpx.AsyncClient:
        return real(transport=httpx.MockTransport(answer), **options)

    monkeypatch.setattr(httpx, "AsyncClient", client)
    worker = Worker(url="http://127.0.0.1:1", limits=LIMITS, rules=RULES, inline_bytes=inline_bytes)
    return await worker.handle({"id": "job", "input": {"prompt": "a"} | given})


def error_in(result: dict[str, Any]) -> dict[str, str]:
    """The service's error shape; RunPod takes a text only, and drops what stands beside it."""
    assert isinstance(result["error"], str)
    told: dict[str, str] = json.loads(result["error"])
    assert told.keys() == {"error", "detail"}
    return told


def test_the_worker_needs_nothing_that_its_own_environment_lacks() -> None:
    program = """
import sys
for name in ("numpy", "PIL", "torch", "bentoml", "prometheus_client"):
    sys.modules[name] = None  # so that its import fails
import deploy.runpod.handler
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


async def test_a_file_comes_inline(monkeypatch: pytest.MonkeyPatch) -> None:
    result = await result_of(monkeypatch, ply)
    body = base64.b64decode(result["content"], validate=True)
    assert body == b"ply" * 10
    assert result["sha256"] == hashlib.sha256(body).hexdigest()
    assert (result["status"], result["seed"], result["bytes"]) == ("done", 7, 30)


async def test_a_204_is_a_result_that_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"x-seed": "7", "x-reject-reason": "alignment 0.1"}
    result = await result_of(monkeypatch, lambda _: httpx.Response(204, headers=headers))
    assert result == {"status": "rejected", "seed": 7, "reason": "alignment 0.1"}


async def test_bad_input_reaches_no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(request: httpx.Request) -> httpx.Response:
        pytest.fail("the service was asked")

    result = await result_of(monkeypatch, never, seed="x")
    assert error_in(result) == {"error": "invalid_parameter", "detail": "seed must be an integer"}


async def test_an_error_of_the_service_keeps_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"error": "meshes_unavailable", "detail": "no meshes: why"}
    result = await result_of(monkeypatch, lambda _: httpx.Response(501, json=body), format="glb")
    assert error_in(result) == body


async def test_what_is_too_large_for_an_answer_names_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    told = error_in(await result_of(monkeypatch, ply, inline_bytes=29))
    assert told["error"] == "result_too_large"
    assert "spz" in told["detail"]
    assert "deliver: url" in told["detail"]


def store(status: int, seen: list[httpx.Request], size: int = 30) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            seen.append(request)
            return httpx.Response(status, headers={"location": "https://store.example/elsewhere"})
        return httpx.Response(200, content=b"x" * size, headers={"x-seed": "7", "content-type": "a/b"})

    return answer


async def test_a_result_is_uploaded_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[httpx.Request] = []
    result = await result_of(monkeypatch, store(200, seen), **UPLOAD)
    (request,) = seen
    assert str(request.url) == UPLOAD["upload_url"]  # a signature covers every character
    assert request.content == b"x" * 30
    assert request.headers["content-type"] == "a/b"
    assert result["uploaded"] is True
    assert "content" not in result


@pytest.mark.parametrize("status", [307, 302, 403, 500])
async def test_a_store_that_refuses_or_redirects_is_not_followed(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    seen: list[httpx.Request] = []
    told = error_in(await result_of(monkeypatch, store(status, seen), **UPLOAD))
    assert told == {"error": "upload_failed", "detail": f"the upload was answered with {status}"}
    assert len(seen) == 1


async def test_an_upload_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[httpx.Request] = []
    told = error_in(await result_of(monkeypatch, store(200, seen, size=101), **UPLOAD))
    assert told["error"] == "body_too_large"
    assert seen == []


async def test_a_busy_service_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([httpx.Response(503, headers={"retry-after": "0"}), None])
    result = await result_of(monkeypatch, lambda request: next(answers) or ply(request))
    assert result["status"] == "done"


async def test_a_service_that_stays_busy_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"error": "overloaded", "detail": "8 requests are in work"}
    busy = httpx.Response(503, json=body, headers={"retry-after": "60"})
    assert error_in(await result_of(monkeypatch, lambda _: busy)) == body


async def test_a_job_whose_time_is_over_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.runpod.handler.MARGIN_SECONDS", -0.9)
    ended: list[bool] = []

    async def slow(request: httpx.Request) -> httpx.Response:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append(True)
            raise
        return ply(request)

    told = error_in(await result_of(monkeypatch, slow))  # type: ignore[arg-type]
    assert told["error"] == "deadline_exceeded"
    assert ended == [True]


async def test_a_service_that_is_gone_has_the_worker_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    result = await result_of(monkeypatch, gone)
    assert error_in({"error": result["error"]})["error"] == "internal_error"
    assert result["refresh_worker"] is True
