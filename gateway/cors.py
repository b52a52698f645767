"""Which web pages may read the answers: none, unless `services.http.cors_origins` names them."""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from gateway.errors import HttpError

METHODS = ("GET", "HEAD", "POST")
EXPOSED = (
    "Retry-After",
    "Server-Timing",
    "X-BentoML-Request-ID",
    "X-Mesh-Report",
    "X-Mesh-Watertight",
    "X-Prompt-Truncated",
    "X-Reject-Gate",
    "X-Reject-Reason",
    "X-Score",
    "X-Seed",
    "X-Weights",
)
MAX_AGE_SECONDS = 600


class Cors(CORSMiddleware):
    """Answers preflights, and marks all answers of what it wraps, errors included.

    Outside of the layer that makes errors: BentoML's own CORS layer lies inside, and a page could not read
    why its request was refused.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        """Wraps `app` for pages from `origins`."""
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=("*",),
            expose_headers=EXPOSED,
            max_age=MAX_AGE_SECONDS,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Starlette's, but a refusal has our shape."""
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        what = bytes(response.body).decode("ascii").removeprefix("Disallowed CORS ")
        kept = {
            name: response.headers[name] for name in response.headers if name.startswith("access-control")
        }
        error = HttpError(400, f"pages may not send this: {what} is not allowed", code="cors_refused")
        return error.response({**kept, "Vary": "Origin"})
