"""Odd heads: any bytes in any header, and what is no request of ours."""

import httpx
import pytest

from gateway.scopes import origin_form
from tests.ply_reader import main_color
from tests.raw_http import ask, form
from tests.stand_ins.fakes import color_of

pytestmark = pytest.mark.slow

ODD = [b"\xff\xfe", b"caf\xe9", "ü漢".encode(), b"\xff\\x", b"\x1b[31m", b"\xed\xa0\x80", b"a\x7f\x01b"]
HEADERS = [b"Accept", b"User-Agent", b"Host", b"Cookie", b"Referer", b"Origin", b"Traceparent", b"Tracestate"]
HEADERS += [
    b"Baggage",
    b"X-Forwarded-For",
    b"X-Forwarded-Proto",
    b"Forwarded",
    b"X-Request-Id",
    b"Accept-Language",
]
HEADERS += [b"Authorization", b"B3", b"Uber-Trace-Id", b"X-Anything"]


@pytest.mark.parametrize("odd", ODD)
def test_any_bytes_in_any_header_leave_the_answer_whole(url: str, odd: bytes) -> None:
    head = b"".join(name + b": " + odd + b"\r\n" for name in HEADERS if name != b"Host")
    kind = b"Content-Type: application/x-www-form-urlencoded; x=" + odd + b"\r\n"
    made = ask(url, form(b"prompt=mug&seed=1", head=head + kind))
    assert (made.status, made.whole) == (200, True)
    assert main_color(made.body) == pytest.approx(color_of("mug"), abs=1e-5)
    for path in (b"/health", b"/livez", b"/readyz", b"/version", b"/metrics"):
        probe = b"GET " + path + b" HTTP/1.1\r\nHost: " + odd + b"\r\n" + head + b"\r\n"
        assert ask(url, probe, method="GET").status == 200, path


def test_an_odd_content_type_is_refused_in_full(url: str) -> None:
    reply = ask(url, form(b"prompt=mug", head=b"Content-Type: text/\xff\xfeplain\r\n"))
    assert (reply.status, reply.whole) == (415, True)
    assert b"unsupported_media_type" in reply.body


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /health\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET /h\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", 431),
        (b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n", 400),
        (b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST /generate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST /generate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST /generate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcde\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", 505),
        (b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"OPTIONS /generate HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"BREW /generate HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"GET /nowhere HTTP/1.0\r\n\r\n", 404),
        (b"GET /generate HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 405),
    ],
)  # fmt: skip
def test_what_is_no_request_of_ours_gets_the_one_shape(url: str, request_: bytes, status: int) -> None:
    reply = ask(url, request_, method="GET")
    assert (reply.status, reply.whole) == (status, True)
    assert reply.headers["content-type"] == "application/json"
    assert httpx.Response(200, content=reply.body).json().keys() == {"error", "detail"}


def test_head_of_a_wrong_path_has_no_body(url: str) -> None:
    for path, status in (("/generate", 405), ("/nowhere", 404)):
        reply = httpx.head(url + path)
        assert (reply.status_code, reply.content) == (status, b"")


def test_a_target_may_name_the_host(url: str) -> None:
    head = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
    for target in (b"http://x:80/health", b"HTTP://x/version?a=b", url.encode() + b"/livez/"):
        assert ask(url, head % target, method="GET").status == 200, target
    made = ask(url, form(b"prompt=mug&seed=1", path=url.encode() + b"/generate/"))
    assert main_color(made.body) == pytest.approx(color_of("mug"), abs=1e-5)
    assert [origin_form(text) for text in ("https://x", "/a://b", "*")] == ["/", "/a://b", "*"]


def test_http_1_0_gets_its_object(url: str) -> None:
    made = ask(url, form(b"prompt=mug").replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert (made.status, made.whole) == (200, True)
