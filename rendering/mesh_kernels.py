"""The CPU kernel that finds the nearest triangle in every pixel of a view.

Triangles are not clipped: all of them must lie before the camera. Depths are kept as their inverse, which is
linear across the image, so interpolation is exact under perspective.
"""

import numpy as np
from numpy.typing import NDArray

from rendering.jit import kernel

NOTHING = -1  # the face of a pixel that no triangle covers; its inverse depth is 0


@kernel()
def project(
    vertices: NDArray[np.float64], view_matrix: NDArray[np.float64], intrinsics: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Of every vertex x and y in pixels, and 1 / z; [vertices, 3]."""
    result = np.empty((len(vertices), 3))
    for i in range(len(vertices)):
        x, y, z = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        inverse = 1.0 / (
            view_matrix[2, 0] * x + view_matrix[2, 1] * y + view_matrix[2, 2] * z + view_matrix[2, 3]
        )
        for axis in range(2):
            along = view_matrix[axis, 0] * x + view_matrix[axis, 1] * y + view_matrix[axis, 2] * z
            along += view_matrix[axis, 3]
            result[i, axis] = intrinsics[axis, axis] * along * inverse + intrinsics[axis, 2]
        result[i, 2] = inverse
    return result


@kernel()
def nearest(
    projected: NDArray[np.float64],
    faces: NDArray[np.int32],
    inverse_depth: NDArray[np.float32],
    face: NDArray[np.int32],
) -> None:
    """Writes 1 / z and the number of the nearest triangle at each pixel's centre.

    Args:
        projected: [vertices, 3], from `project`.
        faces: [faces, 3], seen from either side.
        inverse_depth: [height, width], zeros before.
        face: [height, width], `NOTHING` before.
    """
    height, width = face.shape
    for f in range(len(faces)):
        a, b, c = projected[faces[f, 0]], projected[faces[f, 1]], projected[faces[f, 2]]
        ux, uy, vx, vy = b[0] - a[0], b[1] - a[1], c[0] - a[0], c[1] - a[1]
        area = ux * vy - uy * vx
        if area == 0.0:
            continue
        first_row = max(int(np.ceil(min(a[1], b[1], c[1]) - 0.5)), 0)
        last_row = min(int(np.floor(max(a[1], b[1], c[1]) - 0.5)), height - 1)
        first_column = max(int(np.ceil(min(a[0], b[0], c[0]) - 0.5)), 0)
        last_column = min(int(np.floor(max(a[0], b[0], c[0]) - 0.5)), width - 1)
        for row in range(first_row, last_row + 1):
            y = row + 0.5 - a[1]
            for column in range(first_column, last_column + 1):
                x = column + 0.5 - a[0]
                second, third = (x * vy - y * vx) / area, (ux * y - uy * x) / area
                if second < 0.0 or third < 0.0 or second + third > 1.0:
                    continue
                inverse = np.float32(a[2] + second * (b[2] - a[2]) + third * (c[2] - a[2]))
                if inverse > inverse_depth[row, column]:
                    inverse_depth[row, column] = inverse
                    face[row, column] = f


@kernel()
def interpolate(
    projected: NDArray[np.float64],
    faces: NDArray[np.int32],
    face: NDArray[np.int32],
    values: NDArray[np.float32],
    missing: float,
) -> NDArray[np.float32]:
    """The vertices' values at each pixel's centre, under perspective.

    Args:
        projected: [vertices, 3], from `project`.
        faces: [faces, 3].
        face: [height, width], from `nearest`.
        values: [vertices, channels].
        missing: Takes the place of values where there is no triangle.

    Returns:
        [height, width, channels].
    """
    result = np.full((*face.shape, values.shape[1]), np.float32(missing), np.float32)
    for row in range(face.shape[0]):
        for column in range(face.shape[1]):
            f = face[row, column]
            if f == NOTHING:
                continue
            i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
            a, b, c = projected[i], projected[j], projected[k]
            ux, uy, vx, vy = b[0] - a[0], b[1] - a[1], c[0] - a[0], c[1] - a[1]
            area = ux * vy - uy * vx
            x, y = column + 0.5 - a[0], row + 0.5 - a[1]
            second, third = (x * vy - y * vx) / area, (ux * y - uy * x) / area
            first = (1.0 - second - third) * a[2]
            second, third = second * b[2], third * c[2]
            total = first + second + third
            for channel in range(values.shape[1]):
                mean = first * values[i, channel] + second * values[j, channel] + third * values[k, channel]
                result[row, column, channel] = mean / total
    return result
