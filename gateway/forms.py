"""Request bodies as flat fields: urlencoded, multipart or a JSON object. Values arrive exactly as typed.

A file in a form is its bytes, and a body that is a picture is one such field.
"""

import json
import re
from collections.abc import AsyncGenerator, Iterable
from urllib.parse import parse_qsl

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from gateway.errors import HttpError
from gateway.parameters import FILE, NAMES, SHEET
from gateway.pictures.fields import WHOLE_BODY
from gateway.pictures.headers import format_of
from runners.logs import escaped

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
JSON = "application/json"
MAX_FIELDS = 32

Fields = dict[str, object]


def check_encoding(headers: Headers) -> None:
    """Refuses bodies that are compressed.

    Raises:
        HttpError: 415, which names the coding.
    """
    codings = [name.strip().lower() for name in ",".join(headers.getlist("content-encoding")).split(",")]
    if refused := [name for name in codings if name not in ("", "identity")]:
        detail = f"send the body as it is: Content-Encoding {escaped(refused[0], limit=40)!r} is not read"
        raise HttpError(415, detail, headers={"Accept-Encoding": "identity"})


def may_hold_picture(headers: Headers) -> bool:
    """Whether a body is of a kind that pictures come in."""
    kinds = (URLENCODED, MULTIPART, JSON, "image/")
    return headers.get("content-type", "").strip().lower().startswith(kinds)


def accepts(headers: Headers, media_type: str) -> bool:
    """Whether a client names a type among those that it takes; a weight of zero (`q=0`) says it does not."""
    offers = [parse_options_header(offer) for offer in ",".join(headers.getlist("accept")).split(",")]
    return any(
        name.lower() == media_type.encode() and not re.fullmatch(rb"0(\.0*)?", options.get(b"q", b"1"))
        for name, options in offers
    )


def merged(pairs: Iterable[tuple[str, object]]) -> Fields:
    """Fields by name.

    Raises:
        HttpError: 422 for a parameter with two values. Of other names, which nobody reads, one stays.
    """
    fields: Fields = {}
    for name, value in pairs:
        if name in (*NAMES, FILE, SHEET) and name in fields and fields[name] != value:
            raise HttpError(422, f"{name} has two values")
        fields[name] = value
    return fields


async def parse_fields(headers: Headers, body: bytes) -> Fields:
    """The fields of a body; forms give texts and files' bytes, JSON gives what it holds.

    Raises:
        HttpError: 400 for a malformed body, 415 for another content type, 422 for a parameter with two
            values.
    """
    named = dict.fromkeys(headers.getlist("content-type"))
    if len(named) > 1:
        raise HttpError(400, "the request has two different Content-Type headers")
    content_type, options = parse_options_header(next(iter(named), ""))
    media_type = content_type.decode("latin-1").strip().lower()
    if not body and media_type in ("", URLENCODED, JSON):
        return {}
    if media_type == URLENCODED:
        return _parse_urlencoded(body)
    if media_type == MULTIPART:
        return await _parse_multipart(headers, options.get(b"boundary", b""), body)
    if media_type == JSON:
        return _parse_json(body)
    if media_type.startswith("image/"):
        return {WHOLE_BODY: body}
    known = f"{URLENCODED}, {MULTIPART}, {JSON} or a picture"
    raise HttpError(415, f"send {known}, not {media_type or 'an unnamed type'!r}")


def _parse_urlencoded(body: bytes) -> Fields:
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError as error:  # covers UnicodeDecodeError
        raise HttpError(400, "the form is not UTF-8, or has too many fields") from error
    return merged(pairs)


def _parse_json(body: bytes) -> Fields:
    try:
        fields = json.loads(body, object_pairs_hook=merged)
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
    parser.spool_max_size = len(body) + 1  # the whole body lies in memory anyway
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError) as error:
        raise HttpError(400, "the multipart body is malformed") from error
    try:
        return merged([(name, await _content(value)) for name, value in form.multi_items()])
    finally:
        await form.close()


async def _content(value: str | UploadFile) -> str | bytes:
    """A text, or a file's bytes; a picture in a part without a file name was read as Latin-1."""
    if isinstance(value, UploadFile):
        return await value.read()
    if format_of(value[:16].encode("latin-1", "replace")) is None or max(value) > "\xff":
        return value
    return value.encode("latin-1")


async def _stream(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
    yield b""
