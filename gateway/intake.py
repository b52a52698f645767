"""From what a client sends to checked parameters and a decoded picture.

    body, within bounds -> fields -> picture's file -> pixels
                                  -> parameters

Large bodies are read and pictures decoded in threads, so that others are answered meanwhile, and a few at a
time: 64 megapixels take up to 260 MB while they are decoded.
"""

import asyncio
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import Receive, Scope

from gateway.bodies import CLOSING, BodyReader
from gateway.errors import HttpError
from gateway.forms import Fields, may_hold_picture, parse_fields
from gateway.parameters import PICTURE, check_parameters, with_query
from gateway.pictures.decoding import decode_picture
from gateway.pictures.fields import take_picture
from gateway.pictures.limits import PictureLimits

AT_ONCE = 2
SMALL_BYTES = 2**16  # a body that is parsed in no time
BASE64_GROWTH = 1.45  # 4/3, and what a form writes for + and /


class Intake:
    """Reads requests."""

    def __init__(self, pictures: PictureLimits, *, max_bytes: int, seconds: float) -> None:
        """Takes the limits of pictures and of bodies without one, and how long a body may take."""
        self._pictures = pictures
        self._max_bytes = max_bytes
        largest = max_bytes + round(pictures.max_bytes * BASE64_GROWTH)
        self._small = BodyReader(max_bytes=max_bytes, seconds=seconds)
        self._large = BodyReader(max_bytes=largest, seconds=seconds)
        self._places = asyncio.Semaphore(AT_ONCE)

    async def read(self, scope: Scope, receive: Receive, usual: Mapping[str, str]) -> dict[str, object]:
        """What a request asks for, the pixels of its picture among it.

        Args:
            scope: Its path is one that takes parameters.
            receive: Gives the body.
            usual: Values of fields that are left out.

        Raises:
            HttpError: Whatever is wrong with the request.
        """
        fields, file = await self._content(Headers(scope=scope), receive)
        both = with_query(scope["path"], fields, scope["query_string"])
        both |= {name: value for name, value in usual.items() if not both.get(name)}
        parameters = check_parameters(scope["path"], both, with_picture=file is not None)
        if file is None:
            return {**parameters}
        async with self._places:
            pixels = await asyncio.to_thread(decode_picture, file, self._pictures)
        return {**parameters, PICTURE: pixels}

    async def _content(self, headers: Headers, receive: Receive) -> tuple[Fields, bytes | None]:
        """The fields of a body and its picture's file; of the body itself nothing is kept."""
        bodies = self._large if may_hold_picture(headers) else self._small
        async with bodies.held(headers, receive) as body:
            if len(body) <= SMALL_BYTES:
                return take_picture(await parse_fields(headers, body))
            async with self._places:
                fields, file = await asyncio.to_thread(
                    lambda: take_picture(asyncio.run(parse_fields(headers, body)))
                )
            if file is None and len(body) > self._max_bytes:
                raise HttpError(
                    413, f"a body without a picture may have {self._max_bytes} bytes", headers=CLOSING
                )
            return fields, file
