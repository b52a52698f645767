"""The kernel that reads pictures at the points of a mesh which they show."""

import numpy as np
from numpy.typing import NDArray

from rendering.jit import kernel

SHARPNESS = 2  # a picture that sees a point at the angle t weighs cos(t)^SHARPNESS
MIN_COSINE = 0.1  # of the angle; flatter views show more of the splats' rims than of the surface
SLACK_PIXELS = 4.0  # that hide nothing: splats are not as thin as the mesh, and reach around its edges


@kernel(fastmath=True)
def gather(
    points: NDArray[np.float32],
    normals: NDArray[np.float32],
    view_matrix: NDArray[np.float64],
    intrinsics: NDArray[np.float64],
    picture: NDArray[np.uint8],
    inverse_depth: NDArray[np.float32],
    totals: NDArray[np.float32],
) -> None:
    """Adds what one picture shows of each point: weight * colour * coverage, and weight * coverage.

    A point is shown if nothing of the mesh is nearer at the four pixels around it. The surface's own slope
    moves its depth by SLACK_PIXELS / cosine pixels within as many pixels, so that much is no hindrance.

    Args:
        points: [points, 3] in the cameras' world.
        normals: [points, 3], of unit length.
        view_matrix: [4, 4], world to camera.
        intrinsics: [3, 3].
        picture: [height, width, 4], colour times coverage and coverage, 0 to 255, read bilinearly.
        inverse_depth: [height, width] of the mesh, 0 where there is nothing.
        totals: [points, 4], added to.
    """
    height, width = inverse_depth.shape
    m = view_matrix.astype(np.float32)
    focal_x, focal_y = np.float32(intrinsics[0, 0]), np.float32(intrinsics[1, 1])
    middle_x, middle_y = np.float32(intrinsics[0, 2] - 0.5), np.float32(intrinsics[1, 2] - 0.5)
    eye = -(m[0, :3] * m[0, 3] + m[1, :3] * m[1, 3] + m[2, :3] * m[2, 3])
    one = np.float32(1.0)
    for i in range(len(points)):
        px, py, pz = points[i, 0], points[i, 1], points[i, 2]
        tx, ty, tz = eye[0] - px, eye[1] - py, eye[2] - pz
        cosine = normals[i, 0] * tx + normals[i, 1] * ty + normals[i, 2] * tz
        cosine /= np.sqrt(tx * tx + ty * ty + tz * tz)
        if cosine < MIN_COSINE:
            continue
        depth = m[2, 0] * px + m[2, 1] * py + m[2, 2] * pz + m[2, 3]
        x = focal_x * (m[0, 0] * px + m[0, 1] * py + m[0, 2] * pz + m[0, 3]) / depth + middle_x
        y = focal_y * (m[1, 0] * px + m[1, 1] * py + m[1, 2] * pz + m[1, 3]) / depth + middle_y
        column, row = int(np.floor(x)), int(np.floor(y))
        if column < 0 or row < 0 or column + 1 >= width or row + 1 >= height:
            continue
        before = max(
            max(inverse_depth[row, column], inverse_depth[row, column + 1]),
            max(inverse_depth[row + 1, column], inverse_depth[row + 1, column + 1]),
        )
        slack = SLACK_PIXELS / cosine / focal_x  # of the depth
        if before * depth * (one - slack) > one:
            continue
        dx, dy = x - np.float32(column), y - np.float32(row)
        weight = cosine**SHARPNESS
        above_left, above_right = weight * (one - dx) * (one - dy), weight * dx * (one - dy)
        below_left, below_right = weight * (one - dx) * dy, weight * dx * dy
        for channel in range(4):
            totals[i, channel] += (
                above_left * picture[row, column, channel]
                + above_right * picture[row, column + 1, channel]
                + below_left * picture[row + 1, column, channel]
                + below_right * picture[row + 1, column + 1, channel]
            )
