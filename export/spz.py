"""Compressed splats: SPZ (Niantic's format, MIT), version 3, the newest that web viewers read, or version 4.

Of every splat, attribute by attribute:

    positions 3 x 24-bit fixed point | alpha 8 | colour 3 x 8 | scale 3 x 8 | rotation 32

Version 3 is a gzip stream of a 16-byte header and these arrays; version 4 a header of 32 bytes, the sizes of
its streams, and each array as a Zstandard stream of its own. Both store of a rotation which component is the
largest and the three others, 10 bits each. The format's axes are +X right, +Y up, +Z towards the viewer,
which is "validator" space; splats of another frame are written as they are, for readers that turn them
(docs/formats.md).
"""

import gzip
import math
import struct
from collections.abc import Sequence
from typing import Literal

import numpy as np
import zstandard
from numpy.typing import NDArray

from export.splat_codes import alpha_codes, host_columns, nearest_codes
from models.gaussians.gaussians import SH_C0, Gaussians

Version = Literal[3, 4]

MAGIC = 0x5053474E  # "NGSP"
FRACTION_BITS = 12  # of a position, for objects of the usual size
COLOR_SCALE = 0.15  # of f_dc in a colour's 8 bits
LARGEST_OTHER = 0.5**0.5  # no component but the largest exceeds it
GZIP_LEVEL = 6
ZSTANDARD_LEVEL = 12
USUAL_EXTENT = 1.5
_POSITION_LIMIT = 2**23 - 1
_LONG_HEADER_BYTES = 32


def write_spz(gaussians: Gaussians, *, version: Version = 3) -> bytes:
    """The splats as an SPZ file's bytes, in their own axes; the same splats give the same bytes.

    Raises:
        ValueError: For no splat, more than readers accept, or a value that is not finite.
    """
    means, opacities, colors, scales, quats = host_columns(gaussians, "SPZ")
    bits = _fraction_bits(means)
    streams = [
        _positions(means, bits).tobytes(),
        alpha_codes(opacities).tobytes(),
        nearest_codes(((colors - 0.5) / SH_C0 * COLOR_SCALE + 0.5) * 255.0).astype(np.uint8).tobytes(),
        nearest_codes((np.log(scales) + 10.0) * 16.0).astype(np.uint8).tobytes(),
        _rotations(quats).tobytes(),
    ]
    if version == 4:
        return _in_streams(len(means), bits, streams)
    header = struct.pack("<IIIBBBB", MAGIC, version, len(means), 0, bits, 0, 0)
    return gzip.compress(header + b"".join(streams), GZIP_LEVEL, mtime=0)


def _in_streams(num_splats: int, fraction_bits: int, streams: Sequence[bytes]) -> bytes:
    """Version 4: header, the compressed and the real size of every stream, the streams."""
    head = struct.pack("<IIIBBBB", MAGIC, 4, num_splats, 0, fraction_bits, 0, len(streams))
    head = (head + struct.pack("<I", _LONG_HEADER_BYTES)).ljust(_LONG_HEADER_BYTES, b"\0")
    compressor = zstandard.ZstdCompressor(level=ZSTANDARD_LEVEL)
    packed = [compressor.compress(stream) for stream in streams]
    sizes = [struct.pack("<QQ", len(small), len(whole)) for small, whole in zip(packed, streams, strict=True)]
    return b"".join([head, *sizes, *packed])


def _fraction_bits(means: NDArray[np.float64]) -> int:
    """1/4096 as all writers have it, finer for objects smaller than half the usual size."""
    extent = float((means.max(axis=0) - means.min(axis=0)).max())
    finer = math.floor(math.log2(USUAL_EXTENT / extent) + 0.01) if extent > 0 else 0
    farthest = max(float(np.abs(means).max()), 1e-30)
    most = math.floor(math.log2(_POSITION_LIMIT / farthest))
    return max(FRACTION_BITS, min(FRACTION_BITS + finer, most, 20))


def _positions(means: NDArray[np.float64], fraction_bits: int) -> NDArray[np.uint8]:
    """The low three bytes of each coordinate."""
    fixed = np.rint(means * (1 << fraction_bits)).clip(-_POSITION_LIMIT, _POSITION_LIMIT).astype("<i4")
    return fixed.view(np.uint8).reshape(-1, 3, 4)[:, :, :3]


def _rotations(quats_wxyz: NDArray[np.float64]) -> NDArray[np.uint32]:
    """2 bits name the largest of (x, y, z, w), made positive; 1 + 9 bits are sign and size of the others."""
    xyzw = quats_wxyz[:, [1, 2, 3, 0]]
    largest = np.abs(xyzw).argmax(axis=1)
    turned = np.take_along_axis(xyzw, largest[:, None], axis=1)[:, 0] < 0
    sizes = nearest_codes(np.abs(xyzw) * (511.0 / LARGEST_OTHER), 511).astype(np.uint32)
    packed = largest.astype(np.uint32)
    for component in range(4):
        negative = ((xyzw[:, component] < 0) != turned).astype(np.uint32)
        appended = packed << 10 | negative << 9 | sizes[:, component]
        packed = np.where(largest == component, packed, appended)
    words: NDArray[np.uint32] = packed.astype("<u4")
    return words
