"""One line a request: who asked for what, and what left.

BentoML's own access log decodes headers while it sends, so that odd bytes in one cut answers short, and
writes paths as they come. What is logged here is escaped by `runners.logs`.
"""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runners.logs import escaped

PROBES = ("/health", "/healthz", "/livez", "/readyz", "/metrics")
NOT_READY = 503  # whoever waits for a start asks several times a second
MAX_SHOWN = 200

logger = logging.getLogger(__name__)


class AccessLog:
    """Logs every answer but a probe's that said what it is there to say: yes, or not ready."""

    def __init__(self, app: ASGIApp) -> None:
        """Wraps `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything on, and counts."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status, size = time.perf_counter(), 0, 0

        async def counted(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            size += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, counted)
        finally:
            if scope["path"] not in PROBES or not (200 <= status < 300 or status == NOT_READY):
                _log(scope, status, time.perf_counter() - started, size)


def _log(scope: Scope, status: int, seconds: float, size: int) -> None:
    client = scope.get("client")
    logger.info(
        "%s %s %s -> %s, %.0f ms, %d bytes",
        client[0] if client else "-",
        scope["method"],
        escaped(scope["path"], limit=MAX_SHOWN),
        status or "no answer",
        seconds * 1e3,
        size,
    )
