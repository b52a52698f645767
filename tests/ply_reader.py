"""An independent reading of the few PLY facts these tests need."""

import numpy as np
from numpy.typing import NDArray

SH_C0 = 0.28209479177387814


def read_table(data: bytes) -> tuple[list[str], NDArray[np.float32]]:
    """Property names and values [splats, properties]."""
    head, body = data.split(b"end_header\n", 1)
    lines = head.decode("ascii").split("\n")
    names = [line.split()[2] for line in lines if line.startswith("property float ")]
    count = next(int(line.split()[2]) for line in lines if line.startswith("element vertex "))
    return names, np.frombuffer(body, "<f4").reshape(count, len(names))


def main_color(data: bytes) -> tuple[float, float, float]:
    """The mean colour, RGB in 0 to 1."""
    names, table = read_table(data)
    red, green, blue = (float(table[:, names.index(f"f_dc_{i}")].mean()) * SH_C0 + 0.5 for i in range(3))
    return red, green, blue
