"""What `gateway.connections` and `gateway.scopes` rely on and give, without a server."""

import resource

import pytest
import uvicorn.config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from gateway import connections
from gateway.scopes import cleaned


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
