"""Reading SPZ, versions 2 to 4 (`export.spz` has the layout); version 2 has x, y, z of a rotation in 8 bits.

The count in a header decides nothing but how long the content must be: no more is unpacked than that, and
than `MAX_CONTENT_BYTES`. Spherical harmonics beyond the colour are passed over.
"""

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise

import numpy as np
import torch
import zstandard
from jaxtyping import Float
from numpy.typing import NDArray

from export.spz import COLOR_SCALE, LARGEST_OTHER, MAGIC
from models.errors import SplatFileError
from models.gaussians.gaussians import SH_C0, Gaussians

GZIP_START = b"\x1f\x8b"
START = MAGIC.to_bytes(4, "little")
MAX_CONTENT_BYTES = 100 * 2**20
MAX_STREAMS = 16
HEADER = struct.Struct("<IIIBBBB")
HARMONICS_BYTES = {0: 0, 1: 9, 2: 24, 3: 45, 4: 72}  # of one splat by degree
MAX_FRACTION_BITS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    version: int
    num_splats: int
    degree: int
    fraction_bits: int
    num_streams: int

    @property
    def sizes(self) -> list[int]:
        """Bytes of every array, the harmonics' last."""
        one = [9, 1, 3, 3, 3 if self.version == 2 else 4, HARMONICS_BYTES[self.degree]]
        return [size * self.num_splats for size in one]


def is_spz(start: bytes) -> bool:
    """Whether a file may be one, by its first bytes."""
    return start.startswith((GZIP_START, START))


def read_spz(data: bytes) -> Gaussians:
    """The splats of an SPZ file, on the CPU.

    Raises:
        SplatFileError: It is damaged, too large, or of another version.
    """
    if data.startswith(GZIP_START):
        head = _unzipped(data, HEADER.size)
        header = _header(head, (2, 3))
        whole = _unzipped(data, HEADER.size + sum(header.sizes))
        return _decoded(header, _cut(whole[HEADER.size :], header.sizes))
    header = _header(data[: HEADER.size], (4,))
    return _decoded(header, _streams(data, header))


def _header(head: bytes, versions: tuple[int, ...]) -> _Header:
    if len(head) < HEADER.size:
        raise SplatFileError("the SPZ is cut short in its header")
    magic, version, count, degree, bits, _, num_streams = HEADER.unpack(head)
    if magic != MAGIC:
        raise SplatFileError("the gzip file holds no SPZ")
    if version not in versions:
        raise SplatFileError(f"SPZ version {version} is not read in this form: 2 and 3 in gzip, or 4")
    if degree not in HARMONICS_BYTES or bits > MAX_FRACTION_BITS:
        raise SplatFileError(f"an SPZ with harmonics of degree {degree} and {bits} bits of fraction")
    header = _Header(
        version=version, num_splats=count, degree=degree, fraction_bits=bits, num_streams=num_streams
    )
    if sum(header.sizes) > MAX_CONTENT_BYTES:
        raise SplatFileError(f"the SPZ announces {count} splats, more than {MAX_CONTENT_BYTES} bytes hold")
    return header


def _unzipped(data: bytes, size: int) -> bytes:
    """The first bytes of a gzip stream, never more than asked for."""
    stream = zlib.decompressobj(wbits=31)
    try:
        content = stream.decompress(data, size)
    except zlib.error as error:
        raise SplatFileError(f"the SPZ is no whole gzip stream: {error}") from error
    if len(content) < size:
        raise SplatFileError(f"the SPZ holds {len(content)} bytes of the {size} that it announces")
    return content


def _streams(data: bytes, header: _Header) -> list[bytes]:
    """Version 4: every array in a Zstandard stream of its own; a table names how long each is."""
    wanted = [size for size in header.sizes if size]
    table = int.from_bytes(data[HEADER.size : HEADER.size + 4], "little")
    start = table + 16 * header.num_streams
    if not (len(wanted) <= header.num_streams <= MAX_STREAMS and HEADER.size + 4 <= table) or start > len(
        data
    ):
        raise SplatFileError("the SPZ has a damaged table of streams")
    streams = []
    for number, size in enumerate(wanted):
        packed, whole = struct.unpack_from("<QQ", data, table + 16 * number)
        if whole != size or packed > len(data) - start:
            raise SplatFileError(f"the SPZ has a stream of {whole} bytes where {size} belong")
        streams.append(_unpacked(data[start : start + packed], size))
        start += packed
    return streams


def _unpacked(data: bytes, size: int) -> bytes:
    try:
        with zstandard.ZstdDecompressor().stream_reader(BytesIO(data)) as reader:
            content: bytes = reader.read(size)
    except zstandard.ZstdError as error:
        raise SplatFileError(f"the SPZ is no whole Zstandard stream: {error}") from error
    if len(content) < size:
        raise SplatFileError(f"the SPZ holds {len(content)} bytes of the {size} that it announces")
    return content


def _cut(content: bytes, sizes: list[int]) -> list[bytes]:
    ends = np.cumsum([0, *sizes]).tolist()
    return [content[a:b] for a, b in pairwise(ends)]


def _decoded(header: _Header, streams: list[bytes]) -> Gaussians:
    """The splats of the five arrays; what follows them is passed over."""
    positions, alphas, colors, scales, rotations = (np.frombuffer(one, np.uint8) for one in streams[:5])
    turn = _quats_of_bytes if header.version == 2 else _quats_of_words
    quats = turn(rotations)
    columns = {
        "means": _fixed(positions) / float(1 << header.fraction_bits),
        "opacities": alphas / 255.0,
        "colors": 0.5 + SH_C0 * (colors.reshape(-1, 3) / 255.0 - 0.5) / COLOR_SCALE,
        "scales": np.exp(scales.reshape(-1, 3) / 16.0 - 10.0),
        "quats_wxyz": quats,
    }
    return Gaussians(**{name: torch.from_numpy(values).float() for name, values in columns.items()})


def _fixed(positions: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Signed whole numbers of 24 bits."""
    words = np.zeros((len(positions) // 3, 4), np.uint8)
    words[:, 1:] = positions.reshape(-1, 3)
    numbers: NDArray[np.int32] = (words.view("<i4") >> 8).reshape(-1, 3)
    return numbers


def _quats_of_bytes(rotations: NDArray[np.uint8]) -> Float[np.ndarray, "splats 4"]:
    xyz = rotations.reshape(-1, 3) / 127.5 - 1.0
    w = np.sqrt((1.0 - (xyz**2).sum(axis=1)).clip(0.0))
    quats = np.concatenate([w[:, None], xyz], axis=1)
    unit: NDArray[np.float64] = quats / np.linalg.norm(quats, axis=1, keepdims=True)
    return unit


def _quats_of_words(rotations: NDArray[np.uint8]) -> Float[np.ndarray, "splats 4"]:
    """The three smaller components in 10 bits each, the last one lowest; the largest makes the length 1."""
    words = rotations.view("<u4")
    largest = words >> 30
    xyzw = np.zeros((len(words), 4))
    shift = np.zeros(len(words), np.uint32)
    for component in (3, 2, 1, 0):
        code = (words >> shift) & 0x3FF
        value = (code & 0x1FF) * (LARGEST_OTHER / 511.0) * np.where(code & 0x200, -1.0, 1.0)
        smaller = largest != component
        xyzw[:, component] = np.where(smaller, value, 0.0)
        shift += np.where(smaller, 10, 0).astype(np.uint32)
    rest = np.sqrt((1.0 - (xyzw**2).sum(axis=1)).clip(0.0))
    np.put_along_axis(xyzw, largest[:, None].astype(np.int64), rest[:, None], axis=1)
    quats: NDArray[np.float64] = xyzw[:, [3, 0, 1, 2]]
    return quats
