"""GET /health and GET /version; BentoML itself answers /livez, /readyz and /metrics."""

from typing import Any

import bentoml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def health(_: Request) -> JSONResponse:
    """The gateway answers; whether the models are ready is `/readyz`."""
    return JSONResponse({"status": "healthy"})


async def version(_: Request) -> JSONResponse:
    """What runs here."""
    service: Any = bentoml.get_current_service()
    return JSONResponse(service.describe())


def create_probes() -> Starlette:
    """The app to mount beside BentoML's routes."""
    return Starlette(routes=[Route("/health", health), Route("/version", version)])
