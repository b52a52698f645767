"""A picture's file to 8-bit sRGB, the right way up, with its cut-out if it has one.

    header -> pixels (a JPEG's at a fraction of its size) -> 8 bits -> alpha -> small -> colours -> upright

What is given on is at most MAX_SIDE pixels long, all that the image encoder's crop uses.
"""

import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from gateway.errors import HttpError
from gateway.pictures.appearance import as_srgb, eight_bits
from gateway.pictures.headers import FORMATS, Header, broken, read_header
from gateway.pictures.limits import PictureLimits, check_limits

MAX_SIDE = 1024
SEE_THROUGH, SOLID = 64, 192  # alpha of 0..255
Pixels = UInt8[np.ndarray, "height width channels"]
LEAST_CUT, LEAST_KEPT = 0.01, 0.001  # shares of the pixels; rounded corners cut less than a hundredth


def decode_picture(data: bytes, limits: PictureLimits) -> Pixels:
    """The picture as a person sees it.

    Args:
        data: A JPEG, PNG, WebP or AVIF file.
        limits: What it may have.

    Returns:
        RGBA with straight alpha where the file's alpha cuts something out, RGB otherwise; sRGB, at most
        MAX_SIDE long.

    Raises:
        HttpError: 413 or 422 as `check_limits` and `read_header` say, 422 if it does not decode.
    """
    header = read_header(data)
    check_limits(header, len(data), limits)
    try:
        return _decode(data, header)
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        OverflowError,
    ) as error:  # what Pillow's readers raise
        raise broken(header.format, "its data is broken or cut off") from error
    except Image.DecompressionBombError as error:
        raise HttpError(413, "the picture has too many pixels") from error


def _decode(data: bytes, header: Header) -> UInt8[np.ndarray, "height width channels"]:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if image.width * image.height > header.width * header.height:
            raise broken(header.format, "its parts contradict each other")
        image.draft(None, (MAX_SIDE, MAX_SIDE))
        image.load()
        profile, gamma = image.info.get("icc_profile"), image.info.get("gamma")
        upright = image.getexif().get(0x0112, 1)
        plain = eight_bits(image, header.bits)
    small = _smaller(_with_alpha(plain))
    small = as_srgb(small, profile, gamma)
    small.getexif()[0x0112] = upright
    return np.asarray(ImageOps.exif_transpose(small))


def _with_alpha(image: Image.Image) -> Image.Image:
    """Without its alpha unless that cuts something out; what is drawn half transparent then lies on white."""
    if image.mode not in ("LA", "RGBA"):
        return image
    alpha = image.getchannel("A")
    counts, pixels = alpha.histogram(), image.width * image.height
    kept, cut = sum(counts[SOLID:]), sum(counts[:SEE_THROUGH])
    if cut >= LEAST_CUT * pixels and kept >= LEAST_KEPT * pixels:
        return image.convert("RGBA")
    colors = image.convert("RGB")
    if kept < LEAST_KEPT * pixels:
        return colors  # nothing would be seen; the colours beneath are the picture
    colors.paste((255, 255, 255), mask=alpha.point(lambda value: 255 - value))
    return colors


def _smaller(image: Image.Image) -> Image.Image:
    if max(image.size) <= MAX_SIDE:
        return image
    scale = MAX_SIDE / max(image.size)
    size = tuple(max(1, round(side * scale)) for side in image.size)
    return image.resize((size[0], size[1]), Image.Resampling.LANCZOS, reducing_gap=3.0)
