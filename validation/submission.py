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
import torch
from jaxtyping import Float
from torch import Tensor

from models.gaussians.limits import MAX_SPLATS
from models.transfer import to_device_async
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
    """The measures of a PLY's splats, or the gate that its file fails, from a copy of its rows."""
    layout = read_layout(data)
    if isinstance(layout, Rejection):
        return layout
    values = np.frombuffer(data, "<f4", offset=layout.offset).copy()
    return measured(torch.from_numpy(values).view(layout.num_splats, len(layout.names)), layout.names)


def read_layout(data: bytes | mmap) -> Layout | Rejection:
    """What the header says, if the strict parser takes it and the file holds that many splats.

    The header's count is believed only if the file is as long as it says. Nothing is kept of `data`.
    """
    if len(data) > MAX_FILE_BYTES:
        return too_large(len(data))
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


def measured(rows: Float[Tensor, "splats properties"], names: Sequence[str]) -> Geometry:
    """The measures of a PLY's rows, on any device; the host waits once."""
    count = len(rows)
    if count == 0:
        return Geometry(
            num_splats=0, faint_share=1.0, all_rotations_identity=True, all_finite=True, extent=0, farthest=0
        )
    wanted = to_device_async(torch.tensor([names.index(name) for name in REQUIRED]), rows.device)
    values = rows.index_select(1, wanted)
    place, turns, opacity = values[:, :3], values[:, 3:7], values[:, 7]
    unturned = ((turns[:, 0] - 1.0).abs() <= IDENTITY_TOLERANCE).all() & (
        turns[:, 1:].abs() <= IDENTITY_TOLERANCE
    ).all()
    low, high = place.amin(dim=0).double(), place.amax(dim=0).double()
    faint, is_unturned, has_null, is_finite, extent, farthest = torch.stack(
        [
            (opacity < FAINT_LOGIT).sum().double(),
            unturned.double(),
            (turns == 0).all(dim=1).any().double(),
            values.isfinite().all().double(),
            (high - low).max(),
            torch.maximum(high, -low).max(),
        ]
    ).tolist()
    return Geometry(
        num_splats=count,
        faint_share=int(faint) / count,
        all_rotations_identity=bool(is_unturned),
        has_null_rotation=bool(has_null),
        all_finite=bool(is_finite),
        extent=extent,
        farthest=farthest,
    )


def _header(sentence: str) -> Rejection:
    return Rejection(gate="header", sentence=sentence)


def _shown(line: str) -> str:
    return ascii(line[:60])
