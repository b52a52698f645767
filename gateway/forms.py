"""Request bodies as flat fields: urlencoded, multipart or a JSON object. Values arrive exactly as typed."""

import json
from collections.abc import AsyncGenerator
from urllib.parse import parse_qsl

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser

from gateway.errors import HttpError

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
JSON = "application/json"
MAX_FIELDS = 32

Fields = dict[str, object]


async def parse_fields(headers: Headers, body: bytes) -> Fields:
    """The fields of a body; forms give texts, JSON gives what it holds.

    Raises:
        HttpError: 400 for a malformed body, 415 for another content type.
    """
    content_type, options = parse_options_header(headers.get("content-type", ""))
    media_type = content_type.decode("latin-1").strip().lower()
    if not body and media_type in ("", URLENCODED, JSON):
        return {}
    if media_type == URLENCODED:
        return _parse_urlencoded(body)
    if media_type == MULTIPART:
        return await _parse_multipart(headers, options.get(b"boundary", b""), body)
    if media_type == JSON:
        return _parse_json(body)
    raise HttpError(415, f"send {URLENCODED}, {MULTIPART} or {JSON}, not {media_type or 'an unnamed type'!r}")


def _parse_urlencoded(body: bytes) -> Fields:
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError as error:  # covers UnicodeDecodeError
        raise HttpError(400, "the form is not UTF-8, or has too many fields") from error
    return dict(pairs)


def _parse_json(body: bytes) -> Fields:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HttpError(400, "the body is not JSON") from error
    if not isinstance(fields, dict):
        raise HttpError(400, "the JSON body must be an object")
    return fields


async def _parse_multipart(headers: Headers, boundary: bytes, body: bytes) -> Fields:
    if not boundary or b"--" + boundary + b"--" not in body:
        raise HttpError(400, "the multipart body has no boundary, or is cut short")
    parser = MultiPartParser(
        headers, _stream(body), max_files=MAX_FIELDS, max_fields=MAX_FIELDS, max_part_size=len(body) + 1
    )
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError) as error:
        raise HttpError(400, "the multipart body is malformed") from error
    try:
        return dict(form.multi_items())
    finally:
        await form.close()


async def _stream(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
    yield b""
