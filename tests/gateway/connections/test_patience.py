"""Bodies that are not wanted, and connections whose clients keep them waiting, leave or crowd."""

import threading
import time
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from tests.gateway.connections.service import MOST, SLACK_SECONDS, closed, is_open, log_of, small_window
from tests.raw_http import ask, connect, form, seconds_until_closed
from tests.waiting import wait_for

pytestmark = pytest.mark.slow


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
    started, begin = time.monotonic(), log_file.stat().st_size
    for path in (b"/generate", b"/generate_video", b"/generate?format=glb"):
        with connect(url) as link:
            link.sendall(form(b"prompt=" + b"slow+" * 3, path=path))
            time.sleep(0.3)
    text = log_of(log_file, "POST /generate_video -> 499", begin=begin)
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
