"""What the compressed splat formats share: bytes of opacity, an order that keeps neighbours together.

Opacities take the codes 1 to 254 of 8 bits. Other programs turn 0 and 255 into logits of minus and plus
infinity (Niantic's library, gaussforge and Open3D for SPZ, splat-transform for compressed PLY), which spread
to whatever is made of them; of our splats every third is more opaque than 0.998. 254 stands for 0.996.
"""

import numpy as np
from jaxtyping import Float, Int, UInt8
from numpy.typing import NDArray

from models.gaussians.gaussians import Gaussians
from models.gaussians.limits import MAX_SPLATS

MIN_ALPHA, MAX_ALPHA = 1, 254
MIN_SCALE = 1e-10  # world units: logarithms stay finite
SORT_BITS = 21  # of each coordinate in a place on the curve


def host_columns(gaussians: Gaussians, name: str) -> tuple[NDArray[np.float64], ...]:
    """Means, opacities, colours, scales and quaternions (w x y z, of unit length) for a file.

    Args:
        gaussians: Splats on any device.
        name: What the format is called in errors.

    Raises:
        ValueError: For no splat, more than readers accept, or a value that is not finite.
    """
    if not 1 <= gaussians.num_splats <= MAX_SPLATS:
        raise ValueError(f"{gaussians.num_splats} splats; an {name} may hold 1 to {MAX_SPLATS}")
    splats = gaussians.to("cpu")
    columns = (splats.means, splats.opacities, splats.colors, splats.scales, splats.quats_wxyz)
    means, opacities, colors, scales, quats = (column.detach().double().numpy() for column in columns)
    if not all(np.isfinite(array).all() for array in (means, opacities, colors, scales, quats)):
        raise ValueError("splats hold values that are not finite")
    quats = quats / np.linalg.norm(quats, axis=1, keepdims=True)
    return means, opacities, colors, scales.clip(MIN_SCALE), quats


def alpha_codes(opacities: Float[np.ndarray, "splats"]) -> UInt8[np.ndarray, "splats"]:
    """Opacities in 8 bits, none of them at an end."""
    codes: NDArray[np.uint8] = np.rint(opacities * 255.0).clip(MIN_ALPHA, MAX_ALPHA).astype(np.uint8)
    return codes


def nearest_codes(values: Float[np.ndarray, "*dims"], largest: int = 255) -> Int[np.ndarray, "*dims"]:
    """Values, scaled to 0..largest, as the nearest whole numbers in that range."""
    codes: NDArray[np.int64] = np.rint(values).clip(0, largest).astype(np.int64)
    return codes


def three_smallest(
    quats: Float[np.ndarray, "splats 4"],
) -> tuple[Int[np.ndarray, "splats"], Float[np.ndarray, "splats 3"]]:
    """Which component of each unit quaternion is the largest, and the other three once it is positive."""
    largest = np.abs(quats).argmax(axis=1)
    chosen = np.take_along_axis(quats, largest[:, None], axis=1)
    others = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])[largest]
    return largest, np.take_along_axis(quats * np.where(chosen < 0, -1.0, 1.0), others, axis=1)


def morton_order(means: Float[np.ndarray, "splats 3"]) -> Int[np.ndarray, "splats"]:
    """The splats along a Z-shaped curve through their bounding box, so that neighbours compress together."""
    low = means.min(axis=0)
    extent = max(float((means.max(axis=0) - low).max()), 1e-30)
    cells = ((means - low) / extent * (2**SORT_BITS - 1)).astype(np.uint64)
    place = sum(_spread(cells[:, axis]) << np.uint64(axis) for axis in range(3))
    return np.argsort(np.asarray(place), kind="stable")


def _spread(cells: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Two zero bits before each of 21 bits."""
    for shift, mask in (
        (32, 0x1F00000000FFFF),
        (16, 0x1F0000FF0000FF),
        (8, 0x100F00F00F00F00F),
        (4, 0x10C30C30C30C30C3),
        (2, 0x1249249249249249),
    ):
        cells = (cells | cells << np.uint64(shift)) & np.uint64(mask)
    return cells
