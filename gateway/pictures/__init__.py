"""A caller's picture: recognised, measured before it is decoded, and shown as a person sees it."""

from gateway.pictures.base64_text import picture_in_text
from gateway.pictures.decoding import decode_picture
from gateway.pictures.headers import Header, read_header
from gateway.pictures.limits import PictureLimits, check_limits

__all__ = ["Header", "PictureLimits", "check_limits", "decode_picture", "picture_in_text", "read_header"]
