"""From fields to checked parameters."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from gateway.errors import HttpError
from runners.logs import escaped

MAX_PROMPT_LENGTH = 1024
RANDOM_SEED = -1
MAX_SEED = 2**32 - 1
MIN_VIDEO_SIZE, MAX_VIDEO_SIZE = 64, 2160
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


SEED = IntegerField(name="seed", low=RANDOM_SEED, high=MAX_SEED)
VIDEO_RES = IntegerField(name="video_res", low=MIN_VIDEO_SIZE, high=MAX_VIDEO_SIZE)
EXACT = "exact"
BOOLEANS = {"1": True, "true": True, "0": False, "false": False}
FORMATS = ("ply", "glb", "spz", "mp4")
NAMES = ("prompt", "format", EXACT, SEED.name, VIDEO_RES.name)
INTEGERS_OF_PATH = {"/generate": (SEED,), "/generate_video": (SEED, VIDEO_RES), "/generate_mesh": (SEED,)}


def with_query(path: str, fields: Mapping[str, object], query: bytes) -> dict[str, object]:
    """The fields of a body and those of the query; what a query says is never ignored.

    Raises:
        HttpError: 422 for a name that the path does not take, or one that also has another value.
    """
    known = ["prompt", EXACT, *(field.name for field in INTEGERS_OF_PATH[path])]
    known += ["format"] if path == "/generate" else []
    both = dict(fields)
    for name, value in _query_pairs(query):
        if name not in known:
            raise HttpError(422, f"the query may hold {', '.join(known)}, not {escaped(name, limit=40)!r}")
        if both.get(name, value) != value and str(both[name]) != value:
            raise HttpError(422, f"{name} has two values")
        both.setdefault(name, value)
    return both


def _query_pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=32)
    except ValueError as error:
        raise HttpError(422, "the query is not UTF-8, or has too many fields") from error


def check_parameters(path: str, fields: Mapping[str, object]) -> dict[str, str | int]:
    """The parameters that a path takes; other fields are ignored, numbers left empty count as not given.

    Raises:
        HttpError: 422 for a missing or bad value.
    """
    parameters: dict[str, str | int] = {"prompt": _prompt(fields.get("prompt"))}
    for field in INTEGERS_OF_PATH[path]:
        value = fields.get(field.name)
        if value is not None and value != "":
            parameters[field.name] = _integer(field, value)
    if fields.get(EXACT) not in (None, ""):
        parameters[EXACT] = _boolean(EXACT, fields[EXACT])
    if path == "/generate" and fields.get("format") not in (None, ""):
        parameters["format"] = ",".join(split_formats(fields["format"]))
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
    return value


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
