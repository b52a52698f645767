"""Checked parameters on their way to the service's methods.

    middleware: body -> checked parameters, decoded picture -> the request's scope
    BentoML:    routes, counts, times                                   |
    method:     its arguments <------------------------------------------

BentoML would read a body, parse it and check every bound again. Instead a method takes its arguments as they
are from the scope, pixels and tuples too; its signature is what the OpenAPI description shows.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.types import Scope

KEY = "miner.parameters"
M = TypeVar("M")


def with_parameters(scope: Scope, parameters: Mapping[str, object]) -> Scope:
    """A request that carries what it asks for."""
    return {**scope, KEY: parameters}


def takes_checked(method: M) -> M:
    """Has a `@bentoml.api` method take its arguments from the scope; those left out have their defaults."""
    arguments: Any = method.input_spec  # type: ignore[attr-defined]

    async def take(model: Any, request: Request, _: object) -> Any:
        return model.model_construct(**request.scope[KEY])

    arguments.from_http_request = classmethod(take)
    return method
