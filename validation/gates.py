"""What an object is turned away for before anybody looks at it; every gate has a name and a sentence.

The subnet's validator has gates of its own (count, opacity, rotations); a miner's client dies of a PLY that
its SPZ compressor does not read (header, length), the gateway takes 100 MiB (size), and SPZ keeps positions
up to 2048 in steps of 1/4096 (extent). What cannot be read at all fails the gate `format`. Limits are those
of the programs that read our files, not ours.
"""

from dataclasses import dataclass
from typing import Literal

from models.gaussians.limits import MAX_SPLATS
from validation.geometry import Geometry

Gate = Literal["format", "size", "header", "length", "count", "finite", "opacity", "rotations", "extent"]

MAX_FILE_BYTES = 100 * 2**20
MAX_FAINT_SHARE = 0.8
MIN_EXTENT = 0.1  # world units: of 410 steps of an SPZ, and of the smallest `size` of a request
MAX_POSITION = 2048.0  # world units: beyond it SPZ positions wrap around


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A gate that did not open.

    Attributes:
        gate: Its name.
        sentence: Why, for people.
    """

    gate: Gate
    sentence: str

    def __str__(self) -> str:
        return f"{self.gate}: {self.sentence}"


def too_large(num_bytes: int) -> Rejection:
    """Of a file above `MAX_FILE_BYTES`."""
    limit = MAX_FILE_BYTES // 2**20
    return Rejection(gate="size", sentence=f"the file has {num_bytes} bytes, at most {limit} MiB are taken")


def failed_gate(geometry: Geometry, *, min_splats: int) -> Rejection | None:
    """The first gate that the splats fail, or None."""
    return (
        _count(geometry.num_splats, min_splats)
        or _when(not geometry.all_finite, "finite", "a splat has a value that is not finite")
        or _opacity(geometry)
        or _rotations(geometry)
        or _extent(geometry)
    )


def _count(num_splats: int, least: int) -> Rejection | None:
    return _when(
        num_splats < max(least, 1), "count", f"{num_splats} splats, at least {max(least, 1)} are wanted"
    ) or _when(num_splats > MAX_SPLATS, "count", f"{num_splats} splats, at most {MAX_SPLATS} are read")


def _opacity(geometry: Geometry) -> Rejection | None:
    share = geometry.faint_share
    return _when(share > MAX_FAINT_SHARE, "opacity", f"{share:.0%} of the splats are transparent")


def _rotations(geometry: Geometry) -> Rejection | None:
    return _when(geometry.all_rotations_identity, "rotations", "no splat is rotated") or _when(
        geometry.has_null_rotation, "rotations", "a splat's quaternion is zero"
    )


def _extent(geometry: Geometry) -> Rejection | None:
    return _when(
        geometry.extent < MIN_EXTENT,
        "extent",
        f"the largest side is {geometry.extent:.3g}, at least {MIN_EXTENT:g} is wanted",
    ) or _when(
        geometry.farthest >= MAX_POSITION,
        "extent",
        f"a splat lies at {geometry.farthest:.4g}, beyond the {MAX_POSITION:g} that SPZ files hold",
    )


def _when(fails: bool, gate: Gate, sentence: str) -> Rejection | None:
    return Rejection(gate=gate, sentence=sentence) if fails else None
