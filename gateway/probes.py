"""GET /health and GET /version; BentoML itself answers /livez, /readyz and /metrics."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gateway import VERSION
from gateway.build import build_of_this
from gateway.progress import stages_of
from runners.configuration import Configuration
from runners.mesh import lack_of_mesh_decoder


def describe(configuration: Configuration) -> dict[str, str]:
    """What runs here, and why."""
    lack = lack_of_mesh_decoder(configuration)
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
    """The app to mount beside BentoML's routes; `state.report` gives what /version says of the start."""

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
    app.state.report = dict
    return app
