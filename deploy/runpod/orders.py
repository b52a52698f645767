"""A job's input, checked before any work is done for it.

{"prompt": "pink bicycle", "seed": 7, "format": "spz", "deliver": "inline"}
{"image_b64": "iVBORw0K...", "prompt": "a chair"}
{"prompt": "pink bicycle", "format": "mp4", "video_res": 512, "deliver": "url", "upload_url": "https://..."}
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from deploy.runpod.uploads import UploadRules
from gateway.errors import HttpError
from gateway.parameters import (
    NAMES,
    PICTURE,
    check_parameters,
    deadline_is_short,
    show_pictures,
    split_formats,
)
from gateway.pictures.fields import take_picture

FIELDS = (*NAMES, "deliver", "upload_url")  # whatever the service takes
VIDEO = ("mp4",)
Form = dict[str, str | int | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a job asks of the service, and what becomes of the result.

    Attributes:
        path: Of the service.
        fields: The form.
        formats: The files wanted; several come as a ZIP.
        upload_url: Where the result is put; None answers it inline.
    """

    path: Literal["/generate/", "/generate_video/"]
    fields: Form
    formats: tuple[str, ...]
    upload_url: str | None

    @property
    def is_quick(self) -> bool:
        """Whether the shorter of the service's deadlines holds."""
        return deadline_is_short(self.formats)


def read_order(given: object, rules: UploadRules) -> Order:
    """The order that a job's `input` stands for.

    Raises:
        HttpError: 422 for what the service would refuse, for an unknown field, and for an address where
            nothing may be put.
    """
    if not isinstance(given, dict):
        raise HttpError(422, "input must be an object with a prompt")
    if unknown := [name for name in given if name not in FIELDS]:
        raise HttpError(422, f"unknown field {str(unknown[0])[:40]!r}; known are {', '.join(FIELDS)}")
    formats = split_formats(given.get("format") or "ply")
    fields = {name: given[name] for name in NAMES if name in given}
    if formats == VIDEO:
        checked = _checked("/generate_video", fields)
        path: Literal["/generate/", "/generate_video/"] = "/generate_video/"
    else:
        if given.get("video_res") not in (None, "") and not show_pictures(formats):
            raise HttpError(422, "video_res goes with formats mp4, webm, png and webp")
        checked, path = _checked("/generate", fields), "/generate/"
    return Order(path=path, fields=checked, formats=formats, upload_url=_upload_url(given, rules))


def _checked(path: str, fields: Mapping[str, object]) -> Form:
    """The form, in which formats are one text and a picture is base64, whatever they came as."""
    others, picture = take_picture(fields)
    checked = check_parameters(path, others, with_picture=picture is not None)
    form: Form = {
        name: ",".join(value) if isinstance(value, tuple) else value for name, value in checked.items()
    }
    return form if picture is None else form | {PICTURE: base64.b64encode(picture).decode()}


def _upload_url(given: Mapping[str, object], rules: UploadRules) -> str | None:
    deliver, url = given.get("deliver", "inline"), given.get("upload_url")
    if deliver not in ("inline", "url"):
        raise HttpError(422, f"deliver must be inline or url, not {str(deliver)[:40]!r}")
    if deliver == "inline":
        if url is not None:
            raise HttpError(422, "upload_url goes with deliver: url")
        return None
    return rules.check(url)
