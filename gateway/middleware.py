"""The outermost layer of ours: what BentoML does not do with paths, bodies and errors.

    path without its trailing slash -> body, capped -> fields -> checked parameters -> the method's arguments
                                                             -> a picture, decoded --^
    any error of BentoML or Starlette -> the one JSON shape

Pure ASGI, because a middleware that raises would leave its request hanging until the traffic timeout.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.bodies import CLOSING
from gateway.bounded_metrics import BoundedMetrics
from gateway.checked import with_parameters
from gateway.errors import HttpError
from gateway.forms import accepts, check_encoding
from gateway.intake import MAX_UPLOAD, Intake
from gateway.parameters import FIELDS_OF_PATH
from gateway.pictures.limits import PictureLimits
from gateway.progress import HEADER as PROGRESS_HEADER
from gateway.progress import followed

GLB_TYPE = "model/gltf-binary"
HTTP_VERSIONS = ("1.0", "1.1")
KEPT_HEADERS = ("allow", "retry-after", "server", "x-bentoml-request-id")

logger = logging.getLogger(__name__)


class ContractMiddleware:
    """Gives requests and errors the shape of the contract."""

    def __init__(
        self,
        app: ASGIApp,
        max_body_bytes: int,
        body_seconds: float = 30.0,
        pictures: PictureLimits | None = None,
        max_upload_bytes: int = MAX_UPLOAD,
    ) -> None:
        """Wraps `app`.

        Args:
            app: BentoML's.
            max_body_bytes: Above it a body without a picture is answered with 413.
            body_seconds: A body that is not complete by then is answered with 408.
            pictures: What a picture may have; by default the usual limits.
            max_upload_bytes: Above it a file that shall be judged is answered with 413.
        """
        self.app = app
        self.intake = Intake(
            pictures or PictureLimits(),
            max_bytes=max_body_bytes,
            seconds=body_seconds,
            max_upload_bytes=max_upload_bytes,
        )
        self.metrics = BoundedMetrics(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request; never raises once the response may still be sent."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        errors = ErrorShaper(send)
        try:
            await self._handle(scope, receive, errors)
        except HttpError as error:
            if not errors.started:
                await error.response()(scope, receive, errors.original)
        except Exception:  # the boundary of the process: everything becomes a response
            logger.exception("%s %s failed", scope["method"], scope["path"])
            if errors.started:
                raise
            await HttpError(500).response()(scope, receive, errors.original)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The app's life, beside which the metrics are kept fresh once it has started."""
        tasks: list[asyncio.Task[None]] = []

        async def forward(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                tasks.append(asyncio.create_task(self.metrics.keep_fresh(scope.get("app"))))
            await send(message)

        try:
            await self.app(scope, receive, forward)
        finally:
            for task in tasks:
                task.cancel()

    async def _handle(self, scope: Scope, receive: Receive, send: "ErrorShaper") -> None:
        if scope["http_version"] not in HTTP_VERSIONS:
            raise HttpError(505, f"speak HTTP/1.1, not HTTP/{scope['http_version']}", headers=CLOSING)
        path = scope["path"].rstrip("/") or "/"
        scope = {**scope, "path": path, "raw_path": path.encode()}
        if scope["method"] == "POST" and path in FIELDS_OF_PATH:
            headers = Headers(scope=scope)
            check_encoding(headers)
            usual = {"format": "glb"} if accepts(headers, GLB_TYPE) else {}
            scope = with_parameters(scope, await self.intake.read(scope, receive, usual))
            with followed(headers.get(PROGRESS_HEADER)):
                await while_client_waits(self.app(scope, _wait_for_ever, send), receive)
        elif (scope["method"], path) == ("GET", "/metrics"):
            await self.metrics(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class ErrorShaper:
    """A `send` that holds error responses back until it knows whether they have our shape."""

    def __init__(self, send: Send) -> None:
        """Wraps `send`."""
        self.original = send
        self.started = False
        self._held: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        """Passes messages on; a foreign error leaves in our shape."""
        if message["type"] == "http.response.start" and message["status"] >= 400:
            self._held = message
        elif self._held is None:
            self.started = True
            await self.original(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._release(self._held)

    async def _release(self, start: Message) -> None:
        self.started = True
        if is_our_shape(self._body):
            await self.original(start)
            await self.original({"type": "http.response.body", "body": self._body})
            return
        headers = Headers(raw=start["headers"])
        kept = {name: headers[name] for name in KEPT_HEADERS if name in headers}
        await HttpError(start["status"], headers=kept).response()(
            {"type": "http"}, _receive_nothing, self.original
        )


def is_our_shape(body: bytes) -> bool:
    """Whether a body is `{"error": text, "detail": text}`."""
    try:
        content = json.loads(body)
    except ValueError:
        return False
    return (
        isinstance(content, dict)
        and isinstance(content.get("error"), str)
        and isinstance(content.get("detail"), str)
    )


async def while_client_waits(work: Awaitable[None], receive: Receive) -> None:
    """Runs `work`; cancels it when the client leaves first, so that nobody computes for nobody.

    Raises:
        HttpError: 499 if the client left. Nobody reads it, but BentoML's timeout waits for an answer.
    """
    task = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_wait_for_disconnect(receive))
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
    finally:
        leaving.cancel()
        task.cancel()
    await asyncio.wait({task})
    raise HttpError(499, "the client left", code="client_closed_request")


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _wait_for_ever() -> Message:
    """Of a body that was read nothing more comes; who leaves is looked for elsewhere."""
    never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
    return await never


async def _receive_nothing() -> Message:
    return {"type": "http.disconnect"}
