"""What the access log says, and what it leaves out."""

import logging

import pytest
from starlette.types import Message, Receive, Scope, Send

from gateway.access_log import AccessLog


def answering(status: int) -> AccessLog:
    """An app that answers everything alike."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"12345"})

    return AccessLog(app)


async def lines_of(method: str, path: str, status: int, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What one request leaves in the log."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        del message

    caplog.clear()
    with caplog.at_level(logging.INFO, logger="gateway"):
        scope = {"type": "http", "method": method, "path": path, "client": ("127.0.0.1", 5)}
        await answering(status)(scope, receive, send)
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("path", "status"), [("/readyz", 503), ("/readyz", 200), ("/metrics", 200), ("/health", 200)]
)
async def test_probes_that_say_what_they_are_there_to_say_leave_no_line(
    path: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert await lines_of("GET", path, status, caplog) == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/metrics", 500), ("POST", "/generate", 200), ("POST", "/generate", 503)],
)
async def test_other_answers_leave_one_line(
    method: str, path: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    (line,) = await lines_of(method, path, status, caplog)
    assert line.startswith(f"127.0.0.1 {method} {path} -> {status}, ")
    assert line.endswith("5 bytes")
