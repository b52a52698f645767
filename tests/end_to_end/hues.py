"""Which colour a person would name: an oracle that knows nothing of how the objects were made."""

import numpy as np
from numpy.typing import NDArray

from tests.ply_reader import SH_C0, read_table

NAMED = {  # CSS's colours of these names, sRGB
    "red": (255, 0, 0),
    "orange": (255, 165, 0),
    "yellow": (255, 255, 0),
    "green": (0, 128, 0),
    "blue": (0, 0, 255),
    "purple": (128, 0, 128),
    "pink": (255, 105, 180),  # hotpink: CSS's pink is paler than most things that are called so
}
VIVID = 20.0  # chroma; below it lie greys, such as tyres
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = TO_XYZ.sum(1)


def opponent(srgb: NDArray[np.float64]) -> NDArray[np.complex128]:
    """a* + i b* of CIELAB: its angle is the hue, its length the chroma; from values 0 to 1, [..., 3]."""
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    x, y, z = np.moveaxis(np.cbrt(linear @ TO_XYZ.T / WHITE), -1, 0)
    mixed: NDArray[np.complex128] = 500 * (x - y) + 200j * (y - z)
    return mixed


def hue_named(srgb: NDArray[np.float64]) -> str:
    """The name of the hue that the vivid ones of some colours have on average; light and shade leave it."""
    colors = opponent(srgb.reshape(-1, 3))
    mean = colors[abs(colors) > VIVID].sum()
    assert mean, "nothing here is vivid"
    return min(NAMED, key=lambda name: abs(np.angle(mean / opponent(np.array(NAMED[name]) / 255))))


def hue_of(ply: bytes) -> str:
    """The same of an object's visible splats."""
    names, table = read_table(ply)
    columns = [names.index(f"f_dc_{i}") for i in range(3)]
    shown = table[table[:, names.index("opacity")] > 0]  # more than half
    return hue_named(np.clip(shown[:, columns].astype(np.float64) * SH_C0 + 0.5, 0, 1))
