"""Prompts arrive exactly as typed, in every kind of body."""

import asyncio
import json
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.testclient import TestClient

from gateway.errors import HttpError
from gateway.forms import accepts, check_encoding, parse_fields
from gateway.parameters import check_parameters, with_query
from tests.ply_reader import main_color
from tests.stand_ins.fakes import color_of

AWKWARD_PROMPTS = [
    "42",
    "null",
    "true",
    '"quoted"',
    '{"a":1}',
    "[1]",
    "100% wool",
    "a+b",
    "a&b=c",
    " padded ",
    "ü 漢 🚲",
]
PROMPTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200).filter(str.strip)


def encode(kind: str, prompt: str) -> tuple[Headers, bytes]:
    """A request's headers and body as a client library makes them."""
    match kind:
        case "urlencoded":
            request = httpx.Request("POST", "http://x", data={"prompt": prompt})
        case "multipart":
            request = httpx.Request("POST", "http://x", files={"prompt": (None, prompt.encode())})
        case _:
            request = httpx.Request("POST", "http://x", json={"prompt": prompt})
    return Headers(dict(request.headers)), request.read()


def parse(headers: Headers, body: bytes) -> dict[str, object]:
    return asyncio.run(parse_fields(headers, body))


def status_of(path: str, content_type: str, body: bytes) -> int:
    try:
        check_parameters(path, parse(Headers({"content-type": content_type}), body))
    except HttpError as error:
        return error.status
    return 200


@settings(deadline=None, max_examples=60)
@given(prompt=PROMPTS)
@pytest.mark.parametrize("kind", ["urlencoded", "multipart", "json"])
def test_any_prompt_survives_any_encoding(kind: str, prompt: str) -> None:
    assert check_parameters("/generate", parse(*encode(kind, prompt))) == {"prompt": prompt}


@settings(deadline=None, max_examples=200)
@given(
    body=st.binary(max_size=300),
    content_type=st.sampled_from(
        [
            "application/x-www-form-urlencoded",
            "application/json",
            "multipart/form-data; boundary=b",
            "",
            "x/y",
        ]
    ),
)
def test_any_bytes_parse_or_end_in_a_client_error(body: bytes, content_type: str) -> None:
    assert status_of("/generate_video", content_type, body) in (200, 400, 415, 422)


@settings(deadline=None, max_examples=100)
@given(body=st.binary(max_size=200))
def test_any_multipart_content_parses_or_ends_in_a_client_error(body: bytes) -> None:
    wrapped = b'--b\r\nContent-Disposition: form-data; name="prompt"' + body + b"\r\n--b--\r\n"
    assert status_of("/generate", "multipart/form-data; boundary=b", wrapped) in (200, 400, 422)


@given(number=st.integers())
def test_seeds_are_taken_in_range_only(number: int) -> None:
    fields = {"prompt": "mug", "seed": str(number)}
    if -1 <= number < 2**32:
        assert check_parameters("/generate", fields)["seed"] == number
    else:
        with pytest.raises(HttpError, match="seed"):
            check_parameters("/generate", fields)


@pytest.mark.parametrize("prompt", AWKWARD_PROMPTS)
@pytest.mark.parametrize("kind", ["urlencoded", "multipart", "json"])
def test_awkward_prompts_reach_the_first_stage_as_typed(client: TestClient, kind: str, prompt: str) -> None:
    headers, body = encode(kind, prompt)
    reply = client.post("/generate/", headers=dict(headers), content=body)
    assert reply.status_code == 200
    assert main_color(reply.content) == pytest.approx(color_of(prompt), abs=1e-5)


URLENCODED = "application/x-www-form-urlencoded"
PART = '--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n{}\r\n'


def test_a_field_may_come_twice_with_one_value_and_others_are_ignored() -> None:
    pairs = [("prompt", "mug"), ("prompt", "mug"), ("seed", "3"), ("color", "red"), ("color", "blue")]
    fields = parse(Headers({"content-type": URLENCODED}), urlencode(pairs).encode())
    assert check_parameters("/generate", fields) == {"prompt": "mug", "seed": 3}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (URLENCODED, "prompt=mug&prompt=lamp"),
        (URLENCODED, "prompt=mug&seed=1&seed=2"),
        ("application/json", '{"prompt": "mug", "prompt": "lamp"}'),
        ("multipart/form-data; boundary=b", PART.format("mug") + PART.format("lamp") + "--b--\r\n"),
    ],
)
def test_two_values_for_one_parameter_are_refused(content_type: str, body: str) -> None:
    assert status_of("/generate", content_type, body.encode()) == 422


def test_a_query_counts_as_a_body_does() -> None:
    asked = with_query("/generate", {}, b"prompt=a+red%20mug&seed=3&format=spz")
    assert check_parameters("/generate", asked) == {"prompt": "a red mug", "seed": 3, "format": ("spz",)}
    assert with_query("/generate", {"seed": 3}, b"seed=3") == {"seed": 3}


@pytest.mark.parametrize(
    ("path", "query", "named"),
    [
        ("/generate", b"seed=4", "seed"),
        ("/generate", b"prompt=a&prompt=b", "prompt"),
        ("/generate", b"sed=3", "'sed'"),
        ("/generate_mesh", b"video_res=64", "'video_res'"),
        ("/generate_video", b"format=glb", "'format'"),
        ("/generate", b"prompt=%ff", "UTF-8"),
    ],
)
def test_a_query_is_never_ignored(path: str, query: bytes, named: str) -> None:
    with pytest.raises(HttpError, match=named) as refused:
        with_query(path, {"seed": "3"}, query)
    assert refused.value.status == 422


def test_json_numbers_and_texts_are_both_integers() -> None:
    for seed in (3, "3"):
        body = json.dumps({"prompt": "mug", "seed": seed}).encode()
        assert (
            check_parameters("/generate", parse(Headers({"content-type": "application/json"}), body))["seed"]
            == 3
        )


def test_a_coding_in_a_second_header_is_refused_too() -> None:
    twice = Headers(raw=[(b"content-encoding", b"identity"), (b"content-encoding", b"gzip")])
    with pytest.raises(HttpError, match="'gzip'") as refused:
        check_encoding(twice)
    assert refused.value.status == 415


@pytest.mark.parametrize(
    ("accept", "taken"),
    [
        ("text/html, Model/GLTF-binary;q=0.5", True),
        ("model/gltf-binary; q=0", False),
        ("model/gltf-binary;q=0.000", False),
        ("model/gltf-binary-2", False),
        ("", False),
    ],
)
def test_accept_is_read_with_its_weights(accept: str, *, taken: bool) -> None:
    raw = [(b"accept", b"text/plain"), (b"accept", accept.encode())]
    assert accepts(Headers(raw=raw), "model/gltf-binary") is taken


def test_two_content_types_are_refused_unless_they_are_the_same() -> None:
    form = (b"content-type", b"application/x-www-form-urlencoded")
    assert parse(Headers(raw=[form, form]), b"prompt=mug") == {"prompt": "mug"}
    with pytest.raises(HttpError, match="two different") as refused:
        parse(Headers(raw=[form, (b"content-type", b"application/json")]), b"prompt=mug")
    assert refused.value.status == 400
