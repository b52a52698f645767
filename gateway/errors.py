"""Every error a client can see: one JSON shape, `{"error": code, "detail": text}`."""

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

CODES = {
    400: "malformed_body",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "invalid_parameter",
    431: "head_too_large",
    500: "internal_error",
    501: "not_implemented",
    503: "overloaded",
    504: "deadline_exceeded",
    505: "http_version_not_supported",
}
DETAILS = {
    404: "no such path",
    405: "this path does not take that method",
    500: "the service failed; see its log",
    503: "the service cannot take the request now",
    504: "the result was not ready in time",
}


class HttpError(Exception):
    """Ends a request with a status.

    Attributes:
        status: The HTTP status.
        code: The word in `error`.
        detail: The text in `detail`.
        headers: Sent along.
    """

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.code = code or CODES.get(status, "error")
        self.detail = detail or DETAILS.get(status, "the request failed")
        self.headers = dict(headers or {})
        super().__init__(f"{status} {self.code}: {self.detail}")

    def response(self, extra: Mapping[str, str] | None = None) -> Response:
        """The error as a response, with more headers if given."""
        content = {"error": self.code, "detail": self.detail}
        return JSONResponse(content, status_code=self.status, headers={**self.headers, **(extra or {})})
