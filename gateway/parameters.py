"""From fields to checked parameters."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args
from urllib.parse import parse_qsl

from configuration.bounds import MAX_VIDEO_PIXELS, MIN_VIDEO_PIXELS
from gateway.errors import HttpError
from gateway.pictures.headers import format_of
from runners.formats import (
    FORMATS,
    MAX_BYTES,
    MAX_SIZE,
    MAX_SPLATS,
    MIN_BYTES,
    MIN_SIZE,
    MIN_SPLATS,
    Frame,
    SpzVersion,
)
from runners.logs import escaped

MAX_PROMPT_LENGTH = 1024
RANDOM_SEED = -1
MAX_SEED = 2**32 - 1
_NUMBER = re.compile(r"[+-]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18})([eE][+-]?[0-9]{1,2})?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerField:
    """An optional integer parameter.

    Attributes:
        name: Of the field.
        low: Smallest value.
        high: Largest value.
    """

    name: str
    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberField:
    """An optional parameter that need not be whole; attributes as those of `IntegerField`."""

    name: str
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceField:
    """An optional parameter of a few values.

    Attributes:
        name: Of the field.
        values: What it may be, as a request writes them.
    """

    name: str
    values: tuple[str, ...]


Field = IntegerField | NumberField | ChoiceField
Parameters = dict[str, str | int | float | tuple[str, ...]]

SEED = IntegerField(name="seed", low=RANDOM_SEED, high=MAX_SEED)
VIDEO_RES = IntegerField(name="video_res", low=MIN_VIDEO_PIXELS, high=MAX_VIDEO_PIXELS)
EXACT = "exact"
BOOLEANS = {"1": True, "true": True, "0": False, "false": False}
FRAME = ChoiceField(name="frame", values=get_args(Frame))
SIZE = NumberField(name="size", low=MIN_SIZE, high=MAX_SIZE)
SPZ_VERSION = ChoiceField(name="spz_version", values=tuple(str(number) for number in get_args(SpzVersion)))
SPLATS = IntegerField(name="splats", low=MIN_SPLATS, high=MAX_SPLATS)
BYTES = IntegerField(name="max_bytes", low=MIN_BYTES, high=MAX_BYTES)
SOURCES_OF = {
    "splats": ("splats", "film", "view"),
    "max_bytes": ("splats",),
}  # of formats that a field changes
FIELDS_OF_PATH: Mapping[str, tuple[Field, ...]] = {
    "/generate": (SEED, FRAME, SIZE, SPZ_VERSION, VIDEO_RES, SPLATS, BYTES),
    "/generate_video": (SEED, VIDEO_RES),
    "/generate_mesh": (SEED, SIZE),
    "/validate": (FRAME,),
}
JUDGING = "/validate"
FILE, SHEET = "file", "sheet"
PICTURE = "image_b64"
PICTURE_FIELDS = (PICTURE, "image", "prompt_image_file")
COMPETITION_FIELD = "prompt_image_file"  # of the subnet's image competitions, which want the standard frame
NAMES = ("prompt", "format", EXACT, *PICTURE_FIELDS, *(field.name for field in FIELDS_OF_PATH["/generate"]))


def with_query(path: str, fields: Mapping[str, object], query: bytes) -> dict[str, object]:
    """The fields of a body and those of the query; what a query says is never ignored.

    Raises:
        HttpError: 422 for a name that the path does not take, or one that also has another value.
    """
    known = ["prompt", *_booleans(path), *(field.name for field in FIELDS_OF_PATH[path])]
    known += ["format"] if path == "/generate" else []
    both = dict(fields)
    for name, value in _query_pairs(query):
        if name not in known:
            raise HttpError(422, f"the query may hold {', '.join(known)}, not {escaped(name, limit=40)!r}")
        if both.get(name, value) != value and str(both[name]) != value:
            raise HttpError(422, f"{name} has two values")
        both.setdefault(name, value)
    return both


def _booleans(path: str) -> tuple[str, ...]:
    """The parameters of a path that are true or false."""
    return (SHEET,) if path == JUDGING else (EXACT,)


def _query_pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=32)
    except ValueError as error:
        raise HttpError(422, "the query is not UTF-8, or has too many fields") from error


def check_parameters(path: str, fields: Mapping[str, object], *, with_picture: bool = False) -> Parameters:
    """The parameters that a path takes; other fields are ignored, those left empty count as not given.

    Args:
        path: Where the request goes.
        fields: Without its picture.
        with_picture: Whether there is one; a prompt is wanted only where there is none, and never for a file.

    Raises:
        HttpError: 422 for a missing or bad value.
    """
    parameters: Parameters = {}
    may_be_silent = with_picture or path == JUDGING
    if not may_be_silent or fields.get("prompt") not in (None, ""):
        parameters["prompt"] = _prompt(fields.get("prompt"))
    formats: tuple[str, ...] = ("ply",)
    for field in FIELDS_OF_PATH[path]:
        value = fields.get(field.name)
        if value is not None and value != "":
            parameters[field.name] = _value(field, value)
    for name in _booleans(path):
        if fields.get(name) not in (None, ""):
            parameters[name] = _boolean(name, fields[name])
    if path == "/generate" and fields.get("format") not in (None, ""):
        formats = parameters["format"] = split_formats(fields["format"])
    for name in SOURCES_OF.keys() & parameters.keys():
        _refuse_without_effect(name, formats)
    return parameters


def split_formats(value: object) -> tuple[str, ...]:
    """The formats of a list such as `ply,glb`, each once.

    Raises:
        HttpError: 422 for any other name.
    """
    names = [name.strip().lower() for name in value.split(",")] if isinstance(value, str) else [""]
    if unknown := [name for name in names if name not in FORMATS]:
        raise HttpError(422, f"format must be some of {', '.join(FORMATS)}, not {unknown[0][:40]!r}")
    return tuple(dict.fromkeys(names))


def _refuse_without_effect(name: str, formats: Sequence[str]) -> None:
    """Raises HttpError: 422 where a field would change none of the files."""
    if not any(FORMATS[form].source in SOURCES_OF[name] for form in formats):
        able = [form for form, entry in FORMATS.items() if entry.source in SOURCES_OF[name]]
        raise HttpError(422, f"{name} needs a format among {', '.join(able)}, not {', '.join(formats)} alone")


def show_pictures(formats: Sequence[str]) -> bool:
    """Whether any of them has a size in pixels (`video_res`)."""
    return any(FORMATS[name].source in ("film", "view") for name in formats)


def deadline_is_short(formats: Sequence[str]) -> bool:
    """Whether the deadline of a PLY holds for all of them."""
    return all(FORMATS[name].is_quick for name in formats)


def _prompt(value: object) -> str:
    if value is None:
        raise HttpError(422, "prompt is missing")
    if not isinstance(value, str):
        raise HttpError(422, "prompt must be a text")
    if not value.strip():
        raise HttpError(422, "prompt is empty")
    if len(value) > MAX_PROMPT_LENGTH:
        raise HttpError(422, f"prompt has {len(value)} characters; at most {MAX_PROMPT_LENGTH} are allowed")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise HttpError(422, "prompt holds half of a surrogate pair")
    if format_of(value[:16].encode("latin-1", "replace")) is not None:
        raise HttpError(422, "prompt is neither a text nor a picture: a picture's bytes were sent as text")
    return value


def _value(field: Field, value: object) -> str | int | float:
    if isinstance(field, IntegerField):
        return _integer(field, value)
    return _number(field, value) if isinstance(field, NumberField) else _choice(field, value)


def _number(field: NumberField, value: object) -> float:
    text = str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    if not _NUMBER.fullmatch(text):
        raise HttpError(422, f"{field.name} must be a number, {field.low:g} to {field.high:g}")
    number = float(text)
    if not field.low <= number <= field.high:
        raise HttpError(
            422, f"{field.name} must lie between {field.low:g} and {field.high:g}, not {number:g}"
        )
    return number


def _choice(field: ChoiceField, value: object) -> str | int:
    text = str(value).strip().lower() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if text not in field.values:
        raise HttpError(422, f"{field.name} must be one of {', '.join(field.values)}, not {text[:40]!r}")
    return int(text) if text.isdecimal() else text


def _integer(field: IntegerField, value: object) -> int:
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not _INTEGER.fullmatch(text):
        raise HttpError(422, f"{field.name} must be an integer")
    number = int(text)
    if not field.low <= number <= field.high:
        raise HttpError(422, f"{field.name} must lie between {field.low} and {field.high}, not {number}")
    return number


def _boolean(name: str, value: object) -> bool:
    text = str(value).strip().lower() if isinstance(value, str | int) else ""
    if text not in BOOLEANS:
        raise HttpError(422, f"{name} must be one of {', '.join(BOOLEANS)}")
    return BOOLEANS[text]
