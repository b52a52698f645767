"""Odd clients of one served process: what they send, how slowly, and what an operator reads of it."""

import resource
import socket
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
import uvicorn.config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from gateway import connections
from gateway.scopes import cleaned, origin_form
from tests.ply_reader import main_color
from tests.raw_http import ask, connect, form, seconds_until_closed
from tests.serving import free_port, placeholder_weights, running_server, small_environment
from tests.stand_ins.fakes import color_of
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

PAGE = "https://page.example"
LIMITS = {"HEAD_SECONDS": "3", "BODY_SECONDS": "3", "SEND_STALL_SECONDS": "3", "IDLE_SECONDS": "4"}
SLACK_SECONDS = 20.0
MOST = 40


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "service.log"


@pytest.fixture(scope="module")
def url(log_file: Path) -> Iterator[str]:
    """A service with little patience."""
    http = {**LIMITS, "CONNECTIONS": str(MOST), "CORS_ORIGINS": f'["{PAGE}"]'}
    environment = {f"MINER__SERVICES__HTTP__{key}": value for key, value in http.items()}
    weights = small_environment(placeholder_weights())
    with running_server(weights | environment, port=free_port(), log_file=log_file) as (address, _):
        yield address


def log_of(log_file: Path, needle: str, seconds: float = 10) -> str:
    """The log once it holds `needle`."""

    def text() -> str:
        return log_file.read_text(errors="surrogateescape")

    wait_for(lambda: needle in text(), seconds, what=f"{needle!r} was not logged")
    return text()


# Heads


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


# Bodies


def test_a_body_that_is_not_wanted_is_not_asked_for(url: str) -> None:
    head = b"POST /generate HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n"
    with connect(url) as link:
        link.sendall(head + b"Content-Type: application/json\r\n\r\n")
        raw = link.recv(2**16)
    assert raw.startswith(b"HTTP/1.1 413 ")


def test_a_compressed_body_is_refused_by_name(url: str) -> None:
    reply = httpx.post(f"{url}/generate", data={"prompt": "mug"}, headers={"content-encoding": "gzip"})
    assert (reply.status_code, reply.headers["accept-encoding"]) == (415, "identity")
    assert "gzip" in reply.json()["detail"]
    plain = httpx.post(f"{url}/generate", data={"prompt": "mug"}, headers={"content-encoding": "Identity"})
    assert plain.status_code == 200


# Time


def test_connections_end_when_clients_keep_them_waiting(url: str) -> None:
    """All at once: silent, half a head, half a body, a body that drips, an unread answer, an idle one."""
    links = [connect(url) for _ in range(6)]
    _, half_head, half_body, dripping, elsewhere, idle = links
    half_head.sendall(b"POST /generate HTTP/1.1\r\nHost:")
    head = b"Host: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"
    half_body.sendall(b"POST /generate HTTP/1.1\r\n" + head + b'{"prompt"')
    dripping.sendall(b"POST /generate HTTP/1.1\r\n" + head)
    elsewhere.sendall(b"POST /nowhere HTTP/1.1\r\n" + head + b"{")
    idle.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.3):
            try:
                dripping.sendall(b" ")
            except OSError:
                return

    dripper = threading.Thread(target=drip)
    dripper.start()
    try:
        ends = [seconds_until_closed(link, SLACK_SECONDS) for link in links]
    finally:
        stop.set()
        dripper.join()
        for link in links:
            link.close()
    statuses = [received[9:12] for _, received in ends]
    assert statuses == [b"", b"408", b"408", b"408", b"404", b"200"]
    assert ends[0][0] > 2.0  # not at once


def test_an_answer_that_nobody_reads_ends(url: str) -> None:
    before = closed(url, "answer")
    with small_window(url) as link:
        for _ in range(12):  # more than the system takes on its own
            link.sendall(b"GET /static_content/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_for(lambda: closed(url, "answer") > before)


def test_a_slow_reader_gets_all_of_it(url: str) -> None:
    with small_window(url) as link:
        link.sendall(form(b"prompt=mug"))
        reply, received, size = b"", 0, None
        started = time.monotonic()
        while size is None or received < size:
            piece = link.recv(16384)
            assert piece, "cut"
            if size is None:
                reply += piece
                head, _, rest = reply.partition(b"\r\n\r\n")
                size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                received = len(rest)
            else:
                received += len(piece)
            time.sleep(0.1)
    assert time.monotonic() - started > 1.0


def small_window(url: str) -> socket.socket:
    """A connection whose client takes little at once."""
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.settimeout(60)
    host, _, port = url.removeprefix("http://").partition(":")
    link.connect((host, int(port)))
    return link


def is_open(link: socket.socket) -> bool:
    """Whether the other end has not closed."""
    link.setblocking(False)
    try:
        return bool(link.recv(1))
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


def closed(url: str, reason: str) -> float:
    """How many connections the service says it cut for a reason."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    name = f'fast_3d_miner_closed_connections_total{{reason="{reason}"}} '
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


def test_probes_answer_while_more_connect_than_may(url: str) -> None:
    crowd = [connect(url) for _ in range(3 * MOST)]
    try:
        for _ in range(3):
            assert httpx.get(f"{url}/health", timeout=10).status_code == HTTPStatus.OK
        made = httpx.post(f"{url}/generate", data={"prompt": "mug"}, timeout=30)
        assert made.status_code == HTTPStatus.OK
        assert MOST - 10 < sum(is_open(link) for link in crowd) <= MOST  # no more are cut than must be
    finally:
        for link in crowd:
            link.close()
    wait_for(lambda: closed(url, "too many") >= MOST)


def test_a_client_that_has_said_all_gets_its_answer(url: str) -> None:
    """It closes its side; `http.client` skips the 100 by which the service learns that it still listens."""
    made = ask(url, form(b"prompt=slow mug"), half_close=True)
    assert (made.status, made.whole) == (200, True)
    assert ask(url, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", half_close=True, method="GET").status == 200


def test_a_client_that_leaves_is_noticed_and_leaves_no_traceback(url: str, log_file: Path) -> None:
    started = time.monotonic()
    for path in (b"/generate", b"/generate_video", b"/generate?format=glb"):
        with connect(url) as link:
            link.sendall(form(b"prompt=" + b"slow+" * 3, path=path))
            time.sleep(0.3)
    text = log_of(log_file, "POST /generate_video -> 499")
    assert time.monotonic() - started < SLACK_SECONDS
    assert "Traceback" not in text


def test_where_a_long_prompt_is_cut_the_answer_says_so(url: str) -> None:
    for words, told in (
        (
            40,
            "text_to_image.clip;read=32;of=40, text_to_image.t5;read=32;of=40, validation.clip;read=32;of=40",
        ),
        (32, None),
    ):
        made = httpx.post(f"{url}/generate", data={"prompt": "mug " * words}, timeout=60)
        assert made.status_code == HTTPStatus.OK
        assert made.headers.get("x-prompt-truncated") == told


# Pages


def test_pages_of_the_origins_named_may_read_answers_and_errors(url: str) -> None:
    page = {"origin": PAGE}
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    preflight = httpx.options(f"{url}/generate/", headers=page | asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == PAGE
    assert "content-type" in preflight.headers["access-control-allow-headers"].lower()
    for data, status in (({"prompt": "mug"}, 200), ({"prompt": ""}, 422), ({"prompt": "ugly"}, 204)):
        reply = httpx.post(f"{url}/generate", data=data, headers=page, timeout=60)
        assert (reply.status_code, reply.headers["access-control-allow-origin"]) == (status, PAGE)
        exposed = reply.headers["access-control-expose-headers"].lower().split(", ")
        assert {"x-seed", "server-timing", "x-reject-reason", "x-mesh-watertight"} <= set(exposed)


def test_other_pages_may_not(url: str) -> None:
    other = {"origin": "https://other.example"}
    refused = httpx.options(f"{url}/generate", headers=other | {"access-control-request-method": "POST"})
    assert (refused.status_code, refused.json()["error"]) == (400, "cors_refused")
    for reply in (refused, httpx.get(f"{url}/health", headers=other)):
        assert "access-control-allow-origin" not in reply.headers


# Logs


def test_nothing_of_a_stranger_begins_a_line_of_the_log(url: str, log_file: Path) -> None:
    forged = "2026-01-01T00:00:00+0000 [ERROR] [entry_service:fast_3d_miner:1] forged"
    escape = "%0A" + forged.replace(" ", "%20") + "%1B%5B31m%E2%80%AE%C2%9B%E2%80%A8"
    httpx.get(f"{url}/nowhere/{escape}")
    httpx.post(f"{url}/generate", data={"prompt": f"broken\n{forged}\x1b[31m\u202e"}, timeout=60)
    text = log_of(log_file, "POST /generate -> 500")
    assert not [line for line in text.splitlines() if line.startswith(forged)]
    assert [line for line in text.splitlines() if "GET /nowhere/\\n2026" in line and "-> 404" in line]
    assert not set("\x1b\u202e\x9b\u2028") & set(text)


# uvicorn


def test_uvicorn_is_as_this_project_knows_it() -> None:
    """What `gateway.connections` overrides and reads has no promise of staying."""
    connections.install()
    assert uvicorn.config.HTTP_PROTOCOLS["auto"] == connections.OURS
    for name in (
        "send_400_response",
        "on_response_complete",
        "_should_upgrade",
        "handle_events",
        "eof_received",
    ):
        assert callable(getattr(H11Protocol, name))
    assert {"disconnected", "keep_alive", "message_event", "response_complete", "response_started"} <= set(
        RequestResponseCycle.__init__.__code__.co_names
    )


def test_the_most_connections_follow_from_the_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    for soft, most in ((256, 80), (64, 8), (20_000, 512)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        connections.most_connections.cache_clear()
        assert connections.most_connections(512) == most
    connections.most_connections.cache_clear()


def test_headers_are_printable_behind_the_protocol() -> None:
    scope = {"headers": [(b"x", bytes(range(256)))], "path": "/ü", "raw_path": b"/%C3%BC"}
    clean = cleaned(scope)
    assert clean["headers"][0][1].decode("ascii").isprintable() is False  # the tab
    assert clean["headers"][0][1].replace(b"\t", b"").decode("ascii").isprintable()
    assert (clean["path"], clean["raw_path"]) == ("/ü", b"/%C3%BC")
