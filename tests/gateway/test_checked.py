"""A request is parsed and checked by the middleware alone; the description shows the same bounds."""

from typing import Annotated, Any

import bentoml
import numpy as np
import pytest
from pydantic import Field
from starlette.requests import Request
from starlette.testclient import TestClient

from configuration.bounds import MAX_VIDEO_PIXELS, MIN_VIDEO_PIXELS
from export import ffmpeg
from gateway.checked import takes_checked, with_parameters
from gateway.parameters import FIELDS_OF_PATH, ChoiceField


@takes_checked
@bentoml.api(route="/add")  # type: ignore[untyped-decorator]
async def add(self: object, one: Annotated[int, Field(le=3)] = 1, other: object = "nothing") -> str:
    return ""


async def arguments(scope: dict[str, Any]) -> Any:
    return await add.input_spec.from_http_request(Request(scope), None)


async def test_a_method_gets_what_was_checked_as_it_is_and_nothing_is_checked_again() -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    scope = {"type": "http", "method": "POST", "headers": []}
    given = await arguments(dict(with_parameters(scope, {"one": 5, "other": pixels})))
    assert given.one == 5
    assert given.other is pixels
    assert (await arguments(dict(with_parameters(scope, {})))).one == 1
    with pytest.raises(KeyError):  # past the middleware, where nothing was checked
        await arguments(scope)


@pytest.mark.parametrize("path", FIELDS_OF_PATH)
def test_the_description_has_the_bounds_that_are_checked(client: TestClient, path: str) -> None:
    document = client.get("/docs.json").json()
    body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    shown = body["properties"]
    for field in FIELDS_OF_PATH[path]:
        if isinstance(field, ChoiceField):
            assert tuple(map(str, shown[field.name]["enum"])) == field.values
        else:
            described = shown[field.name].get("anyOf", [shown[field.name]])[0]
            assert (described["minimum"], described["maximum"]) == (field.low, field.high), field.name
    assert (shown["image_b64"]["type"], shown["image_b64"]["default"]) == ("string", "")


def test_a_client_writes_formats_as_one_text(client: TestClient) -> None:
    document = client.get("/docs.json").json()
    body = document["paths"]["/generate"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["format"] == {"default": "ply", "title": "Format", "type": "string"}


def test_what_may_be_asked_for_can_be_encoded() -> None:
    assert (MIN_VIDEO_PIXELS, MAX_VIDEO_PIXELS) == (ffmpeg.MIN_SIZE, ffmpeg.MAX_SIZE)
