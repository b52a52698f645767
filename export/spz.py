"""Compressed splats: SPZ version 3 (Niantic's format, MIT), the newest that web viewers read.

A gzip stream of a 16-byte header and one array per attribute, splat by splat:

    positions 3 x 24-bit fixed point, 1/4096 | alpha 8 | colour 3 x 8 | scale 3 x 8 | rotation 32

The file's axes are +X right, +Y up, +Z towards the viewer, which is "validator" space. Version 3 stores
of a rotation which component is the largest and the three others, 10 bits each.
"""

import gzip
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.gaussians.frames import Frame, rotate_frame
from models.gaussians.gaussians import SH_C0, Gaussians

MAGIC = 0x5053474E  # "NGSP"
VERSION = 3
FRACTION_BITS = 12
MAX_SPLATS = 10_000_000
COLOR_SCALE = 0.15  # of f_dc in a colour's 8 bits
LARGEST_OTHER = 0.5**0.5  # no component but the largest exceeds it
GZIP_LEVEL = 6
_POSITION_LIMIT = 2**23 - 1


def write_spz(gaussians: Gaussians, *, frame: Frame = "validator") -> bytes:
    """The splats as an SPZ file's bytes; the same splats give the same bytes.

    Args:
        gaussians: Splats of any frame.
        frame: Which one.

    Raises:
        ValueError: For more splats than readers accept, or a value that is not finite.
    """
    if gaussians.num_splats > MAX_SPLATS:
        raise ValueError(f"{gaussians.num_splats} splats; an SPZ may hold {MAX_SPLATS}")
    splats = rotate_frame(gaussians.to("cpu"), source=frame, target="validator")
    columns = (splats.means, splats.opacities, splats.colors, splats.scales, splats.quats_wxyz)
    means, opacities, colors, scales, quats = (column.double().numpy() for column in columns)
    if not all(np.isfinite(array).all() for array in (means, opacities, colors, scales, quats)):
        raise ValueError("splats hold values that are not finite")
    header = struct.pack("<IIIBBBB", MAGIC, VERSION, gaussians.num_splats, 0, FRACTION_BITS, 0, 0)
    parts: list[NDArray[Any]] = [
        _positions(means),
        _to_bytes(opacities * 255.0),
        _to_bytes(((colors - 0.5) / SH_C0 * COLOR_SCALE + 0.5) * 255.0),
        _to_bytes((np.log(scales.clip(1e-30)) + 10.0) * 16.0),
        _rotations(quats),
    ]
    content = header + b"".join(part.tobytes() for part in parts)
    return gzip.compress(content, GZIP_LEVEL, mtime=0)


def _positions(means: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The low three bytes of each coordinate."""
    fixed = np.rint(means * (1 << FRACTION_BITS)).clip(-_POSITION_LIMIT, _POSITION_LIMIT).astype("<i4")
    return fixed.view(np.uint8).reshape(-1, 3, 4)[:, :, :3]


def _to_bytes(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.rint(values).clip(0, 255).astype(np.uint8)


def _rotations(quats_wxyz: NDArray[np.float64]) -> NDArray[np.uint32]:
    """2 bits name the largest of (x, y, z, w), made positive; 1 + 9 bits are sign and size of the others."""
    xyzw = quats_wxyz[:, [1, 2, 3, 0]] / np.linalg.norm(quats_wxyz, axis=1, keepdims=True)
    largest = np.abs(xyzw).argmax(axis=1)
    turned = np.take_along_axis(xyzw, largest[:, None], axis=1)[:, 0] < 0
    sizes = np.rint(np.abs(xyzw) * (511.0 / LARGEST_OTHER)).clip(0, 511).astype(np.uint32)
    packed = largest.astype(np.uint32)
    for component in range(4):
        negative = ((xyzw[:, component] < 0) != turned).astype(np.uint32)
        appended = packed << 10 | negative << 9 | sizes[:, component]
        packed = np.where(largest == component, packed, appended)
    words: NDArray[np.uint32] = packed.astype("<u4")
    return words
