"""GET /health, /version and /readyz; BentoML itself answers /livez and /metrics."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from configuration import Configuration
from gateway import VERSION
from gateway.build import build_of_this
from gateway.errors import HttpError
from gateway.progress import stages_of
from runners.mesh import why_no_meshes


def describe(configuration: Configuration) -> dict[str, str]:
    """What runs here, and why."""
    lack = why_no_meshes(configuration)
    return {
        "version": VERSION,
        **build_of_this(),
        "profile": configuration.profile,
        "profile_reason": configuration.profile_reason,
        "device": configuration.device,
        "weights": "RANDOM" if configuration.random_weights else Path(configuration.weights).name,
        "frame": configuration.frame,
        "meshes": "available" if lack is None else f"unavailable: {lack}",
    }


def create_probes(configuration: Configuration) -> Starlette:
    """The app to mount beside BentoML's routes.

    Its `state.report` gives what /version says of the processes, `state.products` what each format lacks
    ("ready", or why not), `state.lack` why nobody should send requests here, or None.
    """

    async def health(_: Request) -> JSONResponse:
        """The gateway answers; whether the models are ready is `/readyz`."""
        return JSONResponse({"status": "healthy"})

    async def version(_: Request) -> JSONResponse:
        return JSONResponse(describe(configuration) | app.state.report())

    async def progress(request: Request) -> JSONResponse:
        """The stages that a named request in work has entered."""
        stages = stages_of(request.path_params["name"])
        if stages is None:
            raise HTTPException(404)
        return JSONResponse({"stages": stages})

    app = Starlette(
        routes=[Route("/health", health), Route("/version", version), Route("/progress/{name}", progress)]
    )
    app.state.report, app.state.products = dict, dict
    app.state.lack = lambda: "the service is starting"
    return app


class ReadyProbe:
    """Answers /readyz, whose route BentoML keeps for itself, with what is missing and why."""

    def __init__(self, app: ASGIApp, *, probes: Starlette, retry_after_seconds: int) -> None:
        """Wraps `app`; `probes` knows, see `create_probes`."""
        self.app = app
        self._state = probes.state
        self._headers = {"Retry-After": str(retry_after_seconds)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or passes on what is not asked for by GET."""
        is_ours = (
            scope["type"] == "http" and scope["path"] == "/readyz" and scope["method"] in ("GET", "HEAD")
        )
        await (self._answer() if is_ours else self.app)(scope, receive, send)

    def _answer(self) -> JSONResponse:
        lack, products = self._state.lack(), self._state.products()
        if lack is None:
            return JSONResponse({"status": "ready", "products": products})
        error = HttpError(503, lack, code="not_ready")
        content = {"error": error.code, "detail": error.detail, "products": products}
        return JSONResponse(content, status_code=503, headers=self._headers)
