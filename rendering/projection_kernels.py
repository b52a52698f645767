"""CPU kernels that turn 3D splats into 2D ones: world covariances, then EWA projection (Zwicker et al. 2001).

The maths is that of gsplat's classic mode. Arithmetic is float64, storage float32. Every kernel is a plain
serial function: parallelism comes from calling it on several threads for different views, so a result never
depends on the number of threads.

A projected splat is one row of `NUM_FIELDS` float32 values: x, y (pixels), conic xx, xy, yy (the inverse of
the covariance), opacity, r, g, b, first and end pixel row, squared extent (in standard deviations), inverse
variance along y, and slope (columns by which the middle of the ellipse shifts per row); and one box of tiles:
first and end column, first and end row.
"""

import math

import numpy as np
from numpy.typing import NDArray

from rendering.jit import kernel

NUM_FIELDS = 14
TILE = 16  # pixels, both ways
ALPHA_THRESHOLD = 1.0 / 255.0  # contributions below it are dropped
NEAR_PLANE, FAR_PLANE = 0.01, 1e10
HUGE = 1e30  # no sane value exceeds it, and neither a NaN nor infinity is below it
VIEW_MARGIN = (
    0.15  # of the image: how far outside it the projection is linearised before the point is clamped
)


@kernel()
def covariances(scales: NDArray[np.float32], quats_wxyz: NDArray[np.float32]) -> NDArray[np.float32]:
    """World-space covariances as upper triangles.

    Args:
        scales: [splats, 3] standard deviations.
        quats_wxyz: [splats, 4], of any length but zero.

    Returns:
        [splats, 6]: xx, xy, xz, yy, yz, zz.
    """
    result = np.empty((scales.shape[0], 6), np.float32)
    for i in range(scales.shape[0]):
        w, x = float(quats_wxyz[i, 0]), float(quats_wxyz[i, 1])
        y, z = float(quats_wxyz[i, 2]), float(quats_wxyz[i, 3])
        inverse = 1.0 / math.sqrt(w * w + x * x + y * y + z * z + 1e-30)
        w, x, y, z = w * inverse, x * inverse, y * inverse, z * inverse
        s0, s1, s2 = float(scales[i, 0]), float(scales[i, 1]), float(scales[i, 2])
        m00, m01, m02 = s0 * (1 - 2 * (y * y + z * z)), s1 * 2 * (x * y - w * z), s2 * 2 * (x * z + w * y)
        m10, m11, m12 = s0 * 2 * (x * y + w * z), s1 * (1 - 2 * (x * x + z * z)), s2 * 2 * (y * z - w * x)
        m20, m21, m22 = s0 * 2 * (x * z - w * y), s1 * 2 * (y * z + w * x), s2 * (1 - 2 * (x * x + y * y))
        result[i, 0] = m00 * m00 + m01 * m01 + m02 * m02
        result[i, 1] = m00 * m10 + m01 * m11 + m02 * m12
        result[i, 2] = m00 * m20 + m01 * m21 + m02 * m22
        result[i, 3] = m10 * m10 + m11 * m11 + m12 * m12
        result[i, 4] = m10 * m20 + m11 * m21 + m12 * m22
        result[i, 5] = m20 * m20 + m21 * m21 + m22 * m22
    return result


@kernel()
def project(
    means: NDArray[np.float32],
    covs: NDArray[np.float32],
    opacities: NDArray[np.float32],
    colors: NDArray[np.float32],
    view: NDArray[np.float64],
    intrinsics: NDArray[np.float64],
    width: int,
    height: int,
    eps2d: float,
    antialiased: bool,
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.uint32], NDArray[np.int32]]:
    """Project splats into one image; those that cannot touch it, or hold a NaN or infinity, are left out.

    Args:
        means: [splats, 3].
        covs: [splats, 6], from `covariances`.
        opacities: [splats].
        colors: [splats, 3].
        view: [4, 4] world to camera.
        intrinsics: [3, 3] pixels.
        width: Image width in pixels.
        height: Image height in pixels.
        eps2d: Square pixels added to the diagonal of the projected covariance.
        antialiased: Scale the opacity down by what that blur adds.

    Returns:
        Projected splats [visible, NUM_FIELDS], their boxes [visible, 4], the bits of their depths
        [visible] (positive floats are ordered as their bits), and their numbers [visible].
    """
    num_splats = means.shape[0]
    rows = np.empty((num_splats, NUM_FIELDS), np.float32)
    boxes = np.empty((num_splats, 4), np.int32)
    depths, numbers = np.empty(num_splats, np.float32), np.empty(num_splats, np.int32)
    fx, fy, cx, cy = intrinsics[0, 0], intrinsics[1, 1], intrinsics[0, 2], intrinsics[1, 2]
    margin_x, margin_y = VIEW_MARGIN * width / fx, VIEW_MARGIN * height / fy
    visible = 0
    for i in range(num_splats):
        opacity = float(opacities[i])
        px, py, pz = float(means[i, 0]), float(means[i, 1]), float(means[i, 2])
        z = view[2, 0] * px + view[2, 1] * py + view[2, 2] * pz + view[2, 3]
        in_depth_range = z > NEAR_PLANE and z < FAR_PLANE
        finite = abs(opacity) + abs(colors[i, 0]) + abs(colors[i, 1]) + abs(colors[i, 2]) < HUGE
        if not (opacity >= ALPHA_THRESHOLD and in_depth_range and finite):
            continue
        x = view[0, 0] * px + view[0, 1] * py + view[0, 2] * pz + view[0, 3]
        y = view[1, 0] * px + view[1, 1] * py + view[1, 2] * pz + view[1, 3]
        u, v = fx * x / z + cx, fy * y / z + cy
        # rows a and b: the projection's Jacobian times the camera's rotation
        tx = min(max(x / z, -cx / fx - margin_x), (width - cx) / fx + margin_x)
        ty = min(max(y / z, -cy / fy - margin_y), (height - cy) / fy + margin_y)
        a0, b0 = fx / z * (view[0, 0] - tx * view[2, 0]), fy / z * (view[1, 0] - ty * view[2, 0])
        a1, b1 = fx / z * (view[0, 1] - tx * view[2, 1]), fy / z * (view[1, 1] - ty * view[2, 1])
        a2, b2 = fx / z * (view[0, 2] - tx * view[2, 2]), fy / z * (view[1, 2] - ty * view[2, 2])
        c0, c1, c2, c3, c4, c5 = covs[i, 0], covs[i, 1], covs[i, 2], covs[i, 3], covs[i, 4], covs[i, 5]
        d0, e0 = c0 * a0 + c1 * a1 + c2 * a2, c0 * b0 + c1 * b1 + c2 * b2
        d1, e1 = c1 * a0 + c3 * a1 + c4 * a2, c1 * b0 + c3 * b1 + c4 * b2
        d2, e2 = c2 * a0 + c4 * a1 + c5 * a2, c2 * b0 + c4 * b1 + c5 * b2
        xx, xy, yy = a0 * d0 + a1 * d1 + a2 * d2, b0 * d0 + b1 * d1 + b2 * d2, b0 * e0 + b1 * e1 + b2 * e2
        det_sharp = xx * yy - xy * xy
        xx, yy = xx + eps2d, yy + eps2d
        det = xx * yy - xy * xy
        if antialiased:
            opacity *= math.sqrt(max(0.0, det_sharp / det))
        if not (det > 0.0 and det < HUGE and opacity >= ALPHA_THRESHOLD):
            continue
        extent_squared = 2.0 * math.log(opacity / ALPHA_THRESHOLD)  # where it fades below the threshold
        reach_x = math.ceil(math.sqrt(extent_squared * xx))
        reach_y = math.ceil(math.sqrt(extent_squared * yy))
        if not (u + reach_x > 0.0 and u - reach_x < width and v + reach_y > 0.0 and v - reach_y < height):
            continue
        row = rows[visible]
        row[0], row[1], row[2], row[3], row[4] = u, v, yy / det, -xy / det, xx / det
        row[5] = opacity
        row[6], row[7], row[8] = max(colors[i, 0], 0.0), max(colors[i, 1], 0.0), max(colors[i, 2], 0.0)
        first_row, end_row = max(math.floor(v - reach_y), 0), min(math.ceil(v + reach_y), height)
        first_column, end_column = max(math.floor(u - reach_x), 0), min(math.ceil(u + reach_x), width)
        row[9], row[10], row[11], row[12], row[13] = first_row, end_row, extent_squared, 1.0 / yy, xy / yy
        box = boxes[visible]
        box[0], box[1] = first_column // TILE, (end_column + TILE - 1) // TILE
        box[2], box[3] = first_row // TILE, (end_row + TILE - 1) // TILE
        depths[visible], numbers[visible] = z, i
        visible += 1
    return rows[:visible], boxes[:visible], depths[:visible].view(np.uint32), numbers[:visible]
