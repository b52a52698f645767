"""The bytes of a PLY as they are submitted, looked at the way that those who read them next do.

The miner's client hands them to an SPZ compressor whose parser takes exactly these header lines, and whose
errors end the miner's worker:

    ply | format binary_little_endian 1.0 | element vertex N | property float NAME ... | end_header

The values are measured as they stand there: an infinite logit is seen here, and is 1 once it was read.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from mmap import mmap

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from models.gaussians.limits import MAX_SPLATS
from validation.gates import MAX_FILE_BYTES, Rejection, too_large
from validation.geometry import FAINT_OPACITY, IDENTITY_TOLERANCE, Geometry

PLACE = ("x", "y", "z")
ROTATION = ("rot_0", "rot_1", "rot_2", "rot_3")
REQUIRED = (*PLACE, *ROTATION, "opacity", "scale_0", "scale_1", "scale_2", "f_dc_0", "f_dc_1", "f_dc_2")
MAX_HEADER_BYTES = 65_536
MAX_DIGITS = 9  # of a count: more are no number of splats, and long ones take their time
FAINT_LOGIT = math.log(FAINT_OPACITY / (1.0 - FAINT_OPACITY))
FIRST_LINES = ("ply", "format binary_little_endian 1.0")
_COUNT = re.compile(rf"element vertex ([0-9]{{1,{MAX_DIGITS}}})")
_PROPERTY = re.compile(r"property float ([!-~]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a header says: the columns by name, how many rows, and where they start."""

    names: tuple[str, ...]
    num_splats: int
    offset: int


def inspect(data: bytes | mmap) -> Geometry | Rejection:
    """The measures of a PLY's splats, or the gate that its file fails.

    The header's count is believed only if the file is as long as it says. Nothing is kept of `data`.
    """
    if len(data) > MAX_FILE_BYTES:
        return too_large(len(data))
    layout = read_layout(data)
    if isinstance(layout, Rejection):
        return layout
    rows = np.frombuffer(data, "<f4", offset=layout.offset).reshape(layout.num_splats, len(layout.names))
    return _measured(rows, layout.names)


def read_layout(data: bytes | mmap) -> Layout | Rejection:
    """What the header says, if the strict parser takes it and the file holds that many splats."""
    end = data.find(b"\nend_header\n", 0, MAX_HEADER_BYTES)
    if end < 0:
        return _header("there is no line 'end_header'")
    first, second, third, *others = [*data[:end].decode("latin-1").split("\n"), "", ""]
    if (first, second) != FIRST_LINES:
        return _header(f"the first lines must be {FIRST_LINES[0]!r} and {FIRST_LINES[1]!r}")
    count = _COUNT.fullmatch(third)
    if count is None:
        return _header(f"the third line must be 'element vertex N', not {_shown(third)}")
    found = {line: _PROPERTY.fullmatch(line) for line in others[:-2]}
    if wrong := [line for line, match in found.items() if match is None]:
        return _header(f"every further line must be 'property float NAME', not {_shown(wrong[0])}")
    names = [line.split(" ")[2] for line in others[:-2]]
    return _checked(names, int(count[1]), end + len(b"\nend_header\n"), len(data))


def _checked(names: Sequence[str], num_splats: int, offset: int, size: int) -> Layout | Rejection:
    if missing := [name for name in REQUIRED if name not in names]:
        return _header(f"the property {missing[0]} is missing")
    if len(set(names)) < len(names):
        return _header("a property is named twice")
    if num_splats > MAX_SPLATS:
        return Rejection(gate="count", sentence=f"{num_splats} splats, at most {MAX_SPLATS} are read")
    expected = offset + num_splats * len(names) * 4
    if size != expected:
        sentence = f"{num_splats} splats make a file of {expected} bytes, this one has {size}"
        return Rejection(gate="length", sentence=sentence)
    return Layout(names=tuple(names), num_splats=num_splats, offset=offset)


def _measured(rows: Float[np.ndarray, "splats properties"], names: Sequence[str]) -> Geometry:
    count = len(rows)
    if count == 0:
        return Geometry(
            num_splats=0, faint_share=1.0, all_rotations_identity=True, all_finite=True, extent=0, farthest=0
        )
    column: dict[str, NDArray[np.float32]] = {
        name: np.ascontiguousarray(rows[:, names.index(name)]) for name in REQUIRED
    }
    turns = np.stack([column[name] for name in ROTATION])
    unturned = np.abs(turns - np.array([[1.0], [0.0], [0.0], [0.0]], np.float32)) <= IDENTITY_TOLERANCE
    low, high = (np.array([float(edge(column[name])) for name in PLACE]) for edge in (np.min, np.max))
    with np.errstate(invalid="ignore"):  # an infinite side is for the gate of finite values
        extent = float((high - low).max())
    return Geometry(
        num_splats=count,
        faint_share=int((column["opacity"] < FAINT_LOGIT).sum()) / count,
        all_rotations_identity=bool(unturned.all()),
        has_null_rotation=not bool(turns.any(axis=0).all()),
        all_finite=all(bool(np.isfinite(values).all()) for values in column.values()),
        extent=extent,
        farthest=float(np.maximum(high, -low).max()),
    )


def _header(sentence: str) -> Rejection:
    return Rejection(gate="header", sentence=sentence)


def _shown(line: str) -> str:
    return ascii(line[:60])
