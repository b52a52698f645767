"""Reading a handed-over PLY for rendering."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from runners.handover import AbandonedError

if TYPE_CHECKING:
    from models.gaussians.gaussians import Gaussians


def read_splats(ply: str, *, frame: Literal["validator", "standard"], device: str) -> "Gaussians":
    """The splats of a reserved file in "validator" space (+Y up, front +Z), which the cameras use.

    Args:
        ply: The file.
        frame: The frame it was written in.
        device: Where the splats are wanted.

    Raises:
        AbandonedError: The reservation is gone.
        PlyFormatError: The file is no splat PLY.
    """
    from export.ply import read_ply
    from models.gaussians.frames import rotate_frame

    try:
        data = Path(ply).read_bytes()
    except FileNotFoundError as error:
        raise AbandonedError("the request was given up") from error
    return rotate_frame(read_ply(data, device=device), source=frame, target="validator")
