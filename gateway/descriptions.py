"""What the OpenAPI description says of answers that are starlette's Responses."""

from typing import Annotated

import bentoml


def body_of(media_type: str) -> type[bentoml.IODescriptor]:
    """A body of bytes; BentoML reads it for the description only and sends a Response as it is."""

    def described() -> Annotated[bytes, bentoml.validators.ContentType(media_type)]:
        raise NotImplementedError("only its type is read")

    body: type[bentoml.IODescriptor] = bentoml.IODescriptor.from_output(described)
    return body
