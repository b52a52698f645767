"""A file of at most so many bytes: with as many splats as it takes."""

from collections.abc import Callable

from export.reduction.reduction import reduce_splats
from models.gaussians.gaussians import Gaussians
from rendering.renderer import SplatRenderer

SLACK = 0.985  # files of fewer splats take a little more a splat


def write_within(
    splats: Gaussians,
    write: Callable[[Gaussians], bytes],
    max_bytes: int,
    renderer: SplatRenderer,
    *,
    least: int,
) -> bytes:
    """The file, of fewer splats if it would be too large.

    Args:
        splats: The whole object.
        write: Makes a file.
        max_bytes: It may have.
        renderer: For the reduction.
        least: Splats that are kept in any case.

    Raises:
        ValueError: A file of so few would still be too large.
    """
    data, count = write(splats), splats.num_splats
    while len(data) > max_bytes:
        if count <= least:
            raise ValueError(f"{count} splats take {len(data)} bytes, more than {max_bytes}")
        count = max(least, min(int(count * max_bytes / len(data) * SLACK), count - 1))
        data = write(reduce_splats(splats, count, renderer).to("cpu"))
    return data
