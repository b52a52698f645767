"""Binary splat PLY in the upstream's layout, which the subnet's strict SPZ compressor accepts.

Little endian float32, 68 bytes a splat: x y z, nx ny nz (zero), f_dc_0..2, opacity, scale_0..2, rot_0..3
(w x y z). This is the only place that knows logits and logarithms: opacity = logit, scale = natural log,
f_dc = (color - 0.5) / SH_C0.
"""

import math
from collections.abc import Sequence
from mmap import mmap

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from models.errors import PlyFormatError
from models.gaussians.frames import Frame, turned_points, turned_quats
from models.gaussians.gaussians import SH_C0, Gaussians
from models.gaussians.limits import MAX_SPLATS
from models.transfer import to_device_async

PROPERTIES = (
    "x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity",
    "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3",
)  # fmt: skip
MIN_OPACITY = 1e-6  # and 1 minus it the most: logits stay finite
MIN_SCALE = 1e-10  # world units: logarithms stay finite
_MAX_HEADER_BYTES = 65536
_OPTIONAL = {"nx", "ny", "nz"}


def write_ply(gaussians: Gaussians) -> bytes:
    """The splats as a PLY file's bytes.

    Raises:
        ValueError: As `ply_parts`.
    """
    return b"".join(ply_parts(gaussians))


def ply_parts(gaussians: Gaussians) -> tuple[bytes, memoryview]:
    """A PLY file's header and rows, made on the splats' device and copied to the host once.

    Raises:
        ValueError: For more splats than consumers accept, or a value that is not finite.
    """
    if gaussians.num_splats > MAX_SPLATS:
        raise ValueError(f"{gaussians.num_splats} splats; a PLY may hold {MAX_SPLATS}")
    rows = ply_rows(gaussians)
    if not bool(rows.isfinite().all()):
        raise ValueError("splats hold values that are not finite")
    table = _on_host(rows).numpy().astype("<f4", copy=False)
    return _header(gaussians.num_splats), table.reshape(-1).view(np.uint8).data


def file_bytes(num_splats: int) -> int:
    """Length of a PLY file of so many splats."""
    return len(_header(num_splats)) + num_splats * len(PROPERTIES) * 4


def _header(num_splats: int) -> bytes:
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {num_splats}"]
    lines += [f"property float {name}" for name in PROPERTIES]
    return "\n".join([*lines, "end_header", ""]).encode("ascii")


def ply_rows(gaussians: Gaussians) -> Float[Tensor, "splats 17"]:
    """The file's rows, in the order of `PROPERTIES`, on the splats' device."""
    opacities = gaussians.opacities.double().clamp(MIN_OPACITY, 1.0 - MIN_OPACITY)
    columns = [
        gaussians.means.float(),
        torch.zeros_like(gaussians.means, dtype=torch.float32),
        (gaussians.colors.float() - 0.5) / SH_C0,
        (opacities.log() - (-opacities).log1p()).float()[:, None],
        gaussians.scales.float().clamp(min=MIN_SCALE).log(),
        gaussians.quats_wxyz.float(),
    ]
    return torch.cat(columns, dim=1).detach()


def turned_ply(data: bytes, *, source: Frame, target: Frame, factor: float = 1.0) -> bytes:
    """A file of `write_ply` in another frame, `factor` times as large; all other values keep every bit.

    Raises:
        PlyFormatError: The file is none of `write_ply`.
    """
    names, num_splats, offset = _read_header(data)
    if tuple(names) != PROPERTIES or len(data) != file_bytes(num_splats):
        raise PlyFormatError("the PLY has not the layout of this service's files")
    rows = torch.from_numpy(np.frombuffer(data, "<f4", offset=offset).reshape(-1, len(names)).copy())
    place, log_scales, rotation = slice(0, 3), slice(10, 13), slice(13, 17)
    rows[:, place] = turned_points(rows[:, place], source=source, target=target) * factor
    rows[:, rotation] = turned_quats(rows[:, rotation], source=source, target=target)
    if factor != 1.0:
        rows[:, log_scales] += math.log(factor)
    return data[:offset] + rows.numpy().tobytes()


def read_ply(data: bytes | mmap, *, device: torch.device | str = "cpu") -> Gaussians:
    """The splats of a binary little-endian PLY with float properties, found by name, on `device`.

    A mapped file is copied once. Normals may be missing and further properties (f_rest) are ignored.

    Raises:
        PlyFormatError: For anything else.
    """
    names, num_splats, offset = _read_header(data)
    return splats_of(table_of(data, names, num_splats, offset, device=device), names)


def table_of(
    data: bytes | mmap, names: Sequence[str], num_splats: int, offset: int, *, device: torch.device | str
) -> Float[Tensor, "splats properties"]:
    """A PLY's rows on `device`; a mapped file is copied once.

    Raises:
        PlyFormatError: Splats lack a property, or the file is not as long as its header says.
    """
    missing = set(PROPERTIES) - _OPTIONAL - set(names)
    if missing:
        raise PlyFormatError(f"the PLY lacks properties {sorted(missing)}")
    expected = num_splats * len(names) * 4
    if len(data) - offset != expected:
        raise PlyFormatError(f"{num_splats} splats need {expected} bytes, found {len(data) - offset}")
    values = np.frombuffer(data, "<f4", offset=offset).reshape(num_splats, len(names))
    return _on_device(values, torch.device(device))


def splats_of(table: Float[Tensor, "splats properties"], names: Sequence[str]) -> Gaussians:
    """The splats of a PLY's rows, on their device."""

    def columns(*wanted: str) -> Tensor:
        return table.index_select(1, to_device_async([names.index(name) for name in wanted], table.device))

    quats = columns("rot_0", "rot_1", "rot_2", "rot_3")
    return Gaussians(
        means=columns("x", "y", "z"),
        scales=torch.exp(columns("scale_0", "scale_1", "scale_2")),
        quats_wxyz=torch.nn.functional.normalize(quats, dim=-1),
        opacities=torch.sigmoid(columns("opacity")[:, 0]),
        colors=0.5 + SH_C0 * columns("f_dc_0", "f_dc_1", "f_dc_2"),
    )


def _read_header(data: bytes | mmap) -> tuple[list[str], int, int]:
    """Property names, number of splats, and where the splats start."""
    end = data.find(b"end_header\n", 0, _MAX_HEADER_BYTES)
    if data[:4] != b"ply\n" or end < 0:
        raise PlyFormatError("not a PLY file: no header from 'ply' to 'end_header'")
    lines = [line.split() for line in data[:end].decode("ascii", "replace").splitlines()[1:]]
    lines = [words for words in lines if words and words[0] not in ("comment", "obj_info")]
    if not lines or lines[0] != ["format", "binary_little_endian", "1.0"]:
        raise PlyFormatError("the PLY is not of format binary_little_endian 1.0")
    element = lines[1] if len(lines) > 1 else []
    if element[:2] != ["element", "vertex"] or len(element) != 3 or not element[2].isdecimal():
        raise PlyFormatError("the PLY's first element is not 'vertex' with a count")
    for words in lines[2:]:
        if len(words) != 3 or words[:2] not in (["property", "float"], ["property", "float32"]):
            raise PlyFormatError(f"unsupported PLY header line {' '.join(words)!r}")
    return [words[2] for words in lines[2:]], int(element[2]), end + len(b"end_header\n")


def _on_host(rows: Tensor) -> Tensor:
    """A copy through pinned memory, which the GPU fills at full speed; torch keeps it for the next."""
    if rows.device.type == "cpu":
        return rows
    pinned = torch.empty(rows.shape, dtype=rows.dtype, pin_memory=True)
    return pinned.copy_(rows)


def _on_device(values: NDArray[np.float32], device: torch.device) -> Float[Tensor, "splats properties"]:
    """A copy of the file's table."""
    staged = torch.empty(values.shape, pin_memory=device.type == "cuda")
    if values.flags.writeable:  # torch copies with all its threads, but warns of memory it must not write
        staged.copy_(torch.from_numpy(values))
    else:
        staged.numpy()[:] = values
    return staged.to(device)
