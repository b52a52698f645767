"""What a picture may have, checked against its header before a pixel is decoded."""

from dataclasses import dataclass

from gateway.errors import HttpError
from gateway.pictures.headers import Header


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureLimits:
    """Of one picture.

    Attributes:
        max_bytes: Of its file, once base64 is undone.
        max_pixels: Width times height, as the header tells.
        max_ratio: Longer side over shorter side.
        max_frames: Of an animation, whose first frame is taken.
    """

    max_bytes: int = 16_000_000
    max_pixels: int = 64_000_000
    max_ratio: float = 20.0
    max_frames: int = 100


def check_limits(header: Header, num_bytes: int, limits: PictureLimits) -> None:
    """Refuses what is too large, or cannot be what its header tells.

    Raises:
        HttpError: 413 for too many bytes or pixels, 422 for a strip, a long animation, an impossible header.
    """
    width, height = header.width, header.height
    if num_bytes > limits.max_bytes:
        raise HttpError(413, f"the picture has {num_bytes} bytes; at most {limits.max_bytes} are allowed")
    if width * height > limits.max_pixels:
        raise HttpError(
            413, f"the picture has {width} x {height} pixels; at most {limits.max_pixels} are allowed"
        )
    if max(width, height) > limits.max_ratio * min(width, height):
        raise HttpError(422, f"the picture is a strip of {width} x {height} pixels")
    if header.frames > limits.max_frames:
        raise HttpError(
            422,
            f"the picture is an animation of {header.frames} frames; at most {limits.max_frames} are allowed",
        )
    if header.least_bytes > num_bytes:
        raise HttpError(
            422,
            f"the picture's header tells of {width} x {height} pixels, which {num_bytes} bytes cannot hold",
        )
