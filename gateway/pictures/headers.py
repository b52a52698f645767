"""Format, size and frames of a picture out of its first bytes, without a decoder.

Decoders set memory aside for what a header claims (for a WebP already when it is opened), so the claim is
read here first. Sources: PNG (Third Edition) with acTL, JPEG (ITU T.81 B.2), WebP container and VP8/VP8L
headers (RFC 9649, RFC 6386), AVIF's `ispe` boxes (ISO 23008-12).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.errors import HttpError

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF")
MAX_CHUNKS = 20_000  # of a PNG or WebP; files of thousands are made by nobody
DEFLATE_RATIO = 1032  # most that a byte of deflate can stand for
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the markers SOFn
OTHER_FORMATS = (
    (b"GIF8", "GIF"), (b"BM", "BMP"), (b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"%PDF", "PDF"),
    (b"<svg", "SVG"), (b"BZh", "bzip2 file"),
    (b"<?xml", "SVG or XML"), (b"\x00\x00\x01\x00", "ICO"), (b"8BPS", "Photoshop file"), (b"glTF", "GLB"),
    (b"ply", "PLY"), (b"PK\x03\x04", "ZIP"), (b"\x1f\x8b", "gzip file"), (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a picture says of itself.

    Attributes:
        format: One of FORMATS.
        width: In pixels, before an EXIF rotation.
        height: In pixels.
        frames: 1 unless it is an animation.
        bits: Of a channel.
        least_bytes: So many bytes it takes at least to hold such a picture; 0 where nothing is known.
    """

    format: str
    width: int
    height: int
    frames: int = 1
    bits: int = 8
    least_bytes: int = 0


def format_of(start: bytes) -> str | None:
    """The format that a file's first 16 bytes belong to, None for all others."""
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if start.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    return "AVIF" if start[4:12] in (b"ftypavif", b"ftypavis") else None


def named(start: bytes) -> str:
    """What a file that is no picture of ours seems to be, for an error's text."""
    if start[4:8] == b"ftyp":
        return "HEIC or a video"
    found = (name for magic, name in OTHER_FORMATS if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(magic))
    return next(found, "of no known kind")


def read_header(data: bytes) -> Header:
    """The claims of a whole file.

    Raises:
        HttpError: 422 for another kind of file, and for one that is cut off or broken.
    """
    kind = format_of(data[:16])
    if kind is None:
        raise HttpError(422, f"the picture must be JPEG, PNG, WebP or AVIF; this file is {named(data[:64])}")
    try:
        header = {"PNG": _png, "JPEG": _jpeg, "WEBP": _webp, "AVIF": _avif}[kind](data)
    except (struct.error, IndexError) as error:
        raise broken(kind, "it is cut off") from error
    if header.width < 1 or header.height < 1:
        raise broken(kind, "it has no pixels")
    return header


def broken(kind: str, why: str) -> HttpError:
    """The error for a picture that cannot be read."""
    return HttpError(422, f"the {kind} picture cannot be read: {why}")


def _png(data: bytes) -> Header:
    width, height, bits, color = struct.unpack_from(">IIBB", data, 16)
    if data[12:16] != b"IHDR" or color not in PNG_CHANNELS or bits not in (1, 2, 4, 8, 16):
        raise broken("PNG", "its header is none")
    frames, ended = 1, False
    for name, start, _ in _chunks(data, 8, big_endian=True):
        if name == b"acTL":
            frames = max(1, struct.unpack_from(">I", data, start)[0])
        ended = ended or name == b"IEND"
    if not ended:
        raise broken("PNG", "it is cut off")
    row = (width * bits * PNG_CHANNELS[color] + 7) // 8 + 1
    return Header(
        format="PNG",
        width=width,
        height=height,
        frames=frames,
        bits=bits,
        least_bytes=height * row // DEFLATE_RATIO,
    )


def _webp(data: bytes) -> Header:
    if struct.unpack_from("<I", data, 4)[0] + 8 > len(data) + 1:
        raise broken("WEBP", "it is cut off")
    sizes: list[tuple[int, int]] = []
    frames = 0
    for name, start, _ in _chunks(data, 12, big_endian=False):
        if name == b"VP8X":
            sizes.append((_uint24(data, start + 4) + 1, _uint24(data, start + 7) + 1))
        elif name == b"VP8 ":
            width, height = struct.unpack_from("<HH", data, start + 6)
            sizes.append((width & 0x3FFF, height & 0x3FFF))
        elif name == b"VP8L":
            packed = struct.unpack_from("<I", data, start + 1)[0]
            sizes.append(((packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1))
        frames += name == b"ANMF"
    if not sizes:
        raise broken("WEBP", "it holds no picture")
    return Header(
        format="WEBP", width=max(w for w, _ in sizes), height=max(h for _, h in sizes), frames=max(1, frames)
    )


def _chunks(data: bytes, start: int, *, big_endian: bool) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and length of each chunk of a PNG (big-endian, with a checksum) or a RIFF file."""
    kind = "PNG" if big_endian else "WEBP"
    for _ in range(MAX_CHUNKS):
        if start + 8 > len(data):
            return
        if big_endian:
            length, name = struct.unpack_from(">I4s", data, start)
            end = start + 12 + length
        else:
            name, length = struct.unpack_from("<4sI", data, start)
            end = start + 8 + length + length % 2
        if end > len(data) + 1:
            raise broken(kind, "it is cut off")
        yield name, start + 8, length
        if name == b"IEND":
            return
        start = end
    raise broken(kind, f"it has more than {MAX_CHUNKS} chunks")


def _jpeg(data: bytes) -> Header:
    at, size = 2, None
    for _ in range(MAX_CHUNKS):
        while data[at] == 0xFF and data[at + 1] == 0xFF:
            at += 1  # fill bytes
        if data[at] != 0xFF:
            raise broken("JPEG", "its segments are none")
        marker, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if marker in JPEG_SIZES:
            bits, height, width = struct.unpack_from(">BHH", data, at + 4)
            size = (width, height, bits)
        if marker == 0xDA:
            break
        at += 2 + length
    if size is None:
        raise broken("JPEG", "it has no frame")
    if data.rfind(b"\xff\xd9") < at:
        raise broken("JPEG", "it is cut off")
    width, height, bits = size
    blocks = -(-width // 8) * -(-height // 8)  # each takes a bit at the very least
    return Header(format="JPEG", width=width, height=height, bits=bits, least_bytes=at + blocks // 8)


def _avif(data: bytes) -> Header:
    sizes: list[tuple[int, int]] = []
    at = data.find(b"ispe")
    while at >= 0 and len(sizes) < MAX_CHUNKS:
        sizes.append(struct.unpack_from(">II", data, at + 8))
        at = data.find(b"ispe", at + 4)
    if not sizes:
        raise broken("AVIF", "it holds no picture")
    return Header(format="AVIF", width=max(w for w, _ in sizes), height=max(h for _, h in sizes))


def _uint24(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")
