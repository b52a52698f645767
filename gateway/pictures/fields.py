"""Where a request's picture stands: in a field of any kind of body, or as the body itself."""

from collections.abc import Mapping

from gateway.errors import HttpError
from gateway.parameters import COMPETITION_FIELD, PICTURE_FIELDS
from gateway.pictures.base64_text import picture_in_base64, picture_in_text

WHOLE_BODY = "the body"  # no form has a field of that name


def take_picture(fields: Mapping[str, object]) -> tuple[dict[str, object], bytes | None]:
    """The fields without their picture, and its file; the same one may come in several fields.

    A request in the dialect of the subnet's competitions (`prompt_image_file`) is asked for the standard
    frame unless it names one.

    Raises:
        HttpError: 422 for base64 that is no picture's, another type of value, or two pictures.
    """
    others = {name: value for name, value in fields.items() if name not in (*PICTURE_FIELDS, WHOLE_BODY)}
    found = [_picture(name, fields.get(name)) for name in (*PICTURE_FIELDS, WHOLE_BODY)]
    prompt = others.get("prompt")
    if isinstance(prompt, bytes | str):
        in_prompt = prompt if isinstance(prompt, bytes) else picture_in_text(prompt)
        if in_prompt is not None:
            found.append(in_prompt or None)
            del others["prompt"]
    pictures = {one for one in found if one is not None}
    if len(pictures) > 1:
        raise HttpError(422, "the request holds two different pictures")
    if fields.get(COMPETITION_FIELD) and not others.get("frame"):
        others["frame"] = "standard"
    return others, next(iter(pictures), None)


def _picture(name: str, value: object) -> bytes | None:
    """A field's picture; None where the field is left out or empty."""
    if value is None or value in ("", b""):
        return None
    if isinstance(value, str):
        return picture_in_base64(value)
    if isinstance(value, bytes):
        return value
    raise HttpError(422, f"{name} must be a picture: a file, or its base64 as text")
