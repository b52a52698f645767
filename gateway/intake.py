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
from gateway.forms import JSON, MULTIPART, URLENCODED, Fields, may_hold_picture, parse_fields
from gateway.parameters import FILE, JUDGING, PICTURE, check_parameters, with_query
from gateway.pictures.decoding import decode_picture
from gateway.pictures.fields import take_picture
from gateway.pictures.limits import PictureLimits
from runners.uploads import kind_of

AT_ONCE = 2
SMALL_BYTES = 2**16  # a body that is parsed in no time
MAX_UPLOAD = 100 * 2**20
BASE64_GROWTH = 1.45  # 4/3, and what a form writes for + and /


class Intake:
    """Reads requests."""

    def __init__(
        self, pictures: PictureLimits, *, max_bytes: int, seconds: float, max_upload_bytes: int = MAX_UPLOAD
    ) -> None:
        """Takes the limits of pictures, of bodies without one and of files, and how long a body may take."""
        self._pictures = pictures
        self._max_bytes = max_bytes
        largest = max_bytes + round(pictures.max_bytes * BASE64_GROWTH)
        self._small = BodyReader(max_bytes=max_bytes, seconds=seconds)
        self._large = BodyReader(max_bytes=largest, seconds=seconds)
        self._uploads = BodyReader(max_bytes=largest + max_upload_bytes, seconds=seconds)
        self._max_upload_bytes = max_upload_bytes
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
        headers, judging = Headers(scope=scope), scope["path"] == JUDGING
        fields, file = await (self._upload if judging else self._content)(headers, receive)
        both = with_query(scope["path"], fields, scope["query_string"])
        both |= {name: value for name, value in usual.items() if not both.get(name)}
        parameters = check_parameters(scope["path"], both, with_picture=file is not None)
        given: dict[str, object] = {**parameters, FILE: both[FILE]} if judging else {**parameters}
        if file is None:
            return given
        async with self._places:
            pixels = await asyncio.to_thread(decode_picture, file, self._pictures)
        return {**given, PICTURE: pixels}

    async def _upload(self, headers: Headers, receive: Receive) -> tuple[Fields, bytes | None]:
        """The fields of a body with a file of splats, or that file itself, and a picture's file."""
        async with self._uploads.held(headers, receive) as body:
            if kind_of(body[:4]) is not None or _is_bare(headers):
                fields: Fields = {FILE: body}
                file = None
            else:
                async with self._places:
                    fields, file = await asyncio.to_thread(
                        lambda: take_picture(asyncio.run(parse_fields(headers, body)))
                    )
        upload = fields.get(FILE)
        if not isinstance(upload, bytes) or not upload:
            raise HttpError(422, "file is missing: send a PLY, SPZ or GLB as a form's file, or as the body")
        if len(upload) > self._max_upload_bytes:
            raise HttpError(
                413, f"the file has {len(upload)} bytes; at most {self._max_upload_bytes} are taken"
            )
        return fields, file

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


def _is_bare(headers: Headers) -> bool:
    """Whether a body is no form and no picture, but a file itself."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind not in (URLENCODED, MULTIPART, JSON) and not kind.startswith("image/")
