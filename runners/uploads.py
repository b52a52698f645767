"""A file of splats, of whatever kind, to splats that passed the gates."""

from dataclasses import dataclass
from mmap import mmap
from typing import TYPE_CHECKING, Literal

from runners.formats import Frame

if TYPE_CHECKING:
    from models.gaussians.gaussians import Gaussians
    from validation.gates import Rejection
    from validation.geometry import Geometry

Kind = Literal["ply", "spz", "glb"]
STARTS: tuple[tuple[bytes, Kind], ...] = (
    (b"ply", "ply"),
    (b"\x1f\x8b", "spz"),
    (b"NGSP", "spz"),
    (b"glTF", "glb"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """An object that passed every gate: its splats in "validator" space, and its measures."""

    splats: "Gaussians"
    geometry: "Geometry"


def kind_of(start: bytes) -> Kind | None:
    """What a file is, by its first bytes."""
    return next((kind for magic, kind in STARTS if start.startswith(magic)), None)


def look_at(data: bytes | mmap, *, frame: Frame, device: str, min_splats: int) -> "Sound | Rejection":
    """The splats of a PLY, an SPZ or a GLB, or the first gate that the file fails.

    A PLY is looked at byte by byte as those do who read submissions; the gates on header and length are its
    own. Of the others the splats count, once they are unpacked.

    Args:
        data: The file.
        frame: Axes of PLY and SPZ; a GLB has those of glTF.
        device: Where the splats are wanted.
        min_splats: The fewest.
    """
    from export.ply import splats_of, table_of
    from models.gaussians.frames import rotate_frame
    from validation.gates import MAX_FILE_BYTES, Rejection, failed_gate, too_large
    from validation.submission import measured, read_layout

    kind = kind_of(data[:4])
    if kind == "ply":
        layout = read_layout(data)
        if isinstance(layout, Rejection):
            return layout
        names = layout.names
        table = table_of(data, names, layout.num_splats, layout.offset, device=device)
        geometry = measured(table, names)
        if (rejection := failed_gate(geometry, min_splats=min_splats)) is not None:
            return rejection
        return Sound(
            splats=rotate_frame(splats_of(table, names), source=frame, target="validator"), geometry=geometry
        )
    if len(data) > MAX_FILE_BYTES:
        return too_large(len(data))
    return _unpacked(bytes(data), kind, frame=frame, device=device, min_splats=min_splats)


def _unpacked(
    data: bytes, kind: Kind | None, *, frame: Frame, device: str, min_splats: int
) -> "Sound | Rejection":
    from export.splat_glb_reading import read_splat_glb
    from export.spz_reading import read_spz
    from models.errors import SplatFileError
    from models.gaussians.frames import rotate_frame
    from validation.gates import Rejection, failed_gate
    from validation.geometry import measure

    if kind is None:
        return Rejection(gate="format", sentence="the file is no PLY, SPZ or GLB")
    try:
        splats = read_spz(data) if kind == "spz" else read_splat_glb(data)
    except SplatFileError as error:
        return Rejection(gate="format", sentence=str(error))
    geometry = measure(splats)
    if (rejection := failed_gate(geometry, min_splats=min_splats)) is not None:
        return rejection
    turned = rotate_frame(splats, source="validator" if kind == "glb" else frame, target="validator")
    return Sound(splats=turned.to(device), geometry=geometry)
