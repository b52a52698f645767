"""What the OpenAPI description says of parameters and of answers that are starlette's Responses.

The bounds are those of `gateway.parameters`, which alone checks them (see `gateway.checked`).
"""

from typing import Annotated, Any

import bentoml
import numpy as np
from pydantic import Field, InstanceOf, WithJsonSchema

from gateway.parameters import (
    BYTES,
    MAX_PROMPT_LENGTH,
    SEED,
    SIZE,
    SPLATS,
    VIDEO_RES,
    IntegerField,
    NumberField,
)


def _within(field: IntegerField | NumberField) -> Any:
    return Field(ge=field.low, le=field.high)


def _written(as_text: str, **more: str) -> tuple[Any, Any]:
    """A parameter that a client writes as text, and a method gets as what became of it; its default."""
    return WithJsonSchema({"type": "string", **more}), Field(json_schema_extra={"default": as_text})


Prompt = Annotated[
    str,
    Field(max_length=MAX_PROMPT_LENGTH, description="What to make; optional where a picture is sent."),
]
Picture = Annotated[
    InstanceOf[np.ndarray] | None,
    *_written(
        "",
        description="A JPEG, PNG, WebP or AVIF as base64 or data URL. A form may hold it as a file, and as"
        " `image`, `prompt_image_file` or `prompt`; a body may be the picture itself"
        " (Content-Type: image/*).",
    ),
]
Upload = Annotated[
    InstanceOf[bytes],
    WithJsonSchema({"type": "string", "format": "binary"}),
    Field(
        description="A PLY, SPZ or GLB with splats, as a form's file or as the body itself"
        " (any Content-Type that is no form's and no picture's)."
    ),
]
Formats = Annotated[tuple[str, ...], *_written("ply")]
Seed = Annotated[int, _within(SEED)]
Size = Annotated[float, _within(SIZE)]
Splats = Annotated[int, _within(SPLATS)]
Bytes = Annotated[int, _within(BYTES)]
VideoSize = Annotated[int, _within(VIDEO_RES)]


def body_of(media_type: str) -> type[bentoml.IODescriptor]:
    """A body of bytes; BentoML reads it for the description only and sends a Response as it is."""

    def described() -> Annotated[bytes, bentoml.validators.ContentType(media_type)]:
        raise NotImplementedError("only its type is read")

    body: type[bentoml.IODescriptor] = bentoml.IODescriptor.from_output(described)
    return body
