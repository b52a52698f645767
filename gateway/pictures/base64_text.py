"""Pictures that come as text: base64, marked by a data URL or not.

One in five of the subnet's tasks sends a bare base64 picture where others send a prompt. A text is taken
for base64 when it starts as a picture's base64 does, or is longer and denser than anything a person types;
what then proves to be no picture is an error, never a prompt.
"""

import base64
import binascii
import re

from gateway.errors import HttpError
from gateway.pictures.headers import format_of, named

DATA_URL = re.compile(r"data:(?P<kind>[^,]{0,100}),", re.IGNORECASE)
ALPHABET = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
LEAST = 40  # characters; no picture is smaller, and few prompts of that length have no space
DENSE = 200  # characters in one run; no language has such a word
URL_SAFE = str.maketrans("-_", "+/")
STARTS = 24  # characters that show a format


def picture_in_text(text: str) -> bytes | None:
    """The picture's file, or None for a text such as people type.

    Line breaks are skipped. A blank stands for the plus that it was before somebody forgot to escape it.

    Raises:
        HttpError: 422 for base64 of something else or that is broken, and for a data URL without base64.
    """
    url = DATA_URL.match(text.lstrip())
    if url is not None:
        if not url["kind"].lower().endswith(";base64"):
            raise HttpError(422, "a data URL must hold base64")
        return _decoded(_joined(text.lstrip()[url.end() :]), sure=True)
    joined = _joined(text)
    if len(joined) < LEAST or not ALPHABET.fullmatch(joined):
        return None
    return _decoded(joined, sure=len(joined) >= DENSE and " " not in text.strip() and _mixed(joined))


def picture_in_base64(text: str) -> bytes:
    """The same for a field that holds nothing else.

    Raises:
        HttpError: As above.
    """
    url = DATA_URL.match(text.lstrip())
    return _decoded(_joined(text.lstrip()[url.end() if url else 0 :]), sure=True) or b""


def _mixed(joined: str) -> bool:
    """Whether capitals, small letters and digits all occur, as in the base64 of any file."""
    return all(re.search(kind, joined) for kind in ("[A-Z]", "[a-z]", "[0-9]"))


def _joined(text: str) -> str:
    """One run of the standard alphabet."""
    lines = (
        "".join(line.strip() for line in text.splitlines()) if "\n" in text or "\r" in text else text.strip()
    )
    return lines.replace("\t", "").replace(" ", "+").translate(URL_SAFE)


def _decoded(joined: str, *, sure: bool) -> bytes | None:
    """The bytes, None if they are no picture's and the text may well be a prompt."""
    bare = joined.rstrip("=")
    start = _try(bare[:STARTS]) or b""
    if format_of(start) is None:
        if not sure:
            return None
        what = named(_try(bare[:88]) or b"")
        raise HttpError(422, f"the base64 must hold JPEG, PNG, WebP or AVIF; it holds a file that is {what}")
    data = _try(bare)
    if data is None:
        raise HttpError(422, "the picture's base64 is broken or cut off")
    return data


def _try(bare: str) -> bytes | None:
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
