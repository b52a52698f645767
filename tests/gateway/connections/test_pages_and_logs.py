"""What pages of other origins may read, and what strangers may write into the log."""

from pathlib import Path

import httpx
import pytest

from tests.gateway.connections.service import PAGE, log_of

pytestmark = pytest.mark.slow


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


def test_nothing_of_a_stranger_begins_a_line_of_the_log(url: str, log_file: Path) -> None:
    begin = log_file.stat().st_size
    forged = "2026-01-01T00:00:00+0000 [ERROR] [entry_service:fast_3d_miner:1] forged"
    escape = "%0A" + forged.replace(" ", "%20") + "%1B%5B31m%E2%80%AE%C2%9B%E2%80%A8"
    httpx.get(f"{url}/nowhere/{escape}")
    httpx.post(f"{url}/generate", data={"prompt": f"broken\n{forged}\x1b[31m\u202e"}, timeout=60)
    text = log_of(log_file, "POST /generate -> 500", begin=begin)
    assert not [line for line in text.splitlines() if line.startswith(forged)]
    assert [line for line in text.splitlines() if "GET /nowhere/\\n2026" in line and "-> 404" in line]
    assert not set("\x1b\u202e\x9b\u2028") & set(text)
