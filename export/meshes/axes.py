"""From "trellis" axes to those of results and of glTF: +Y up, the front faces +Z."""

import numpy as np
from jaxtyping import Float


def turned(vectors: Float[np.ndarray, "rows 3"]) -> Float[np.ndarray, "rows 3"]:
    """(x, y, z) becomes (x, z, -y), exactly."""
    return np.stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]], axis=1)
