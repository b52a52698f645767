"""Requests as every layer behind can read them: whatever bytes a stranger put into the head."""

from starlette.types import ASGIApp, Receive, Scope, Send

# Layers behind decode values as ASCII, UTF-8 or with escapes, and raise in the middle of an answer.
PRINTABLE = bytes(byte if 32 <= byte < 127 or byte == 9 else ord("?") for byte in range(256))


class CleanRequests:
    """Passes requests on with printable ASCII in their headers and a path as their target."""

    def __init__(self, app: ASGIApp) -> None:
        """Wraps `app`, all of BentoML's layers."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        await self.app(cleaned(scope), receive, send)


def cleaned(scope: Scope) -> Scope:
    """The scope with each unprintable byte of a header's value as `?`, and without the target's host."""
    headers = [(name, value.translate(PRINTABLE)) for name, value in scope["headers"]]
    return {
        **scope,
        "headers": headers,
        "path": origin_form(scope["path"]),
        "raw_path": origin_form(scope["raw_path"].decode("ascii")).encode("ascii"),
    }


def origin_form(target: str) -> str:
    """The path of `http://host/path`, which proxies send; other targets as they are."""
    scheme, separator, rest = target.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        return target
    return "/" + rest.partition("/")[2]
