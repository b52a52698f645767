"""CPU kernels that draw projected splats: depth order, lists of splats per tile, front-to-back blending.

As in 3D Gaussian splatting (Kerbl et al. 2023) and gsplat. `projection_kernels` describes the rows they read.
"""

import math

import numpy as np
from numpy.typing import NDArray

from rendering.jit import kernel
from rendering.projection_kernels import ALPHA_THRESHOLD

TILE = 16  # pixels, both ways; a row of a tile is one or two vector registers
MAX_ALPHA = np.float32(0.999)
MIN_ALPHA = np.float32(ALPHA_THRESHOLD)
MIN_TRANSMITTANCE = np.float32(1e-4)
RADIX_BITS = 11
CHECK_INTERVAL = 32  # splats blended between two looks at whether a tile is finished


@kernel()
def depth_order(keys: NDArray[np.uint32]) -> NDArray[np.int32]:
    """Ascending order of 32-bit keys [visible] by radix sort, stable: equal depths keep the splats' order."""
    num_keys = keys.shape[0]
    buckets = 1 << RADIX_BITS
    source_keys, target_keys = keys.copy(), np.empty_like(keys)
    source, target = np.arange(num_keys).astype(np.int32), np.empty(num_keys, np.int32)
    for digit in range(3):
        shift = np.uint32(digit * RADIX_BITS)
        starts = np.zeros(buckets + 1, np.int64)
        for i in range(num_keys):
            starts[((source_keys[i] >> shift) & np.uint32(buckets - 1)) + 1] += 1
        for bucket in range(buckets):
            starts[bucket + 1] += starts[bucket]
        for i in range(num_keys):
            bucket = (source_keys[i] >> shift) & np.uint32(buckets - 1)
            place = starts[bucket]
            starts[bucket] = place + 1
            target_keys[place], target[place] = source_keys[i], source[i]
        source_keys, target_keys = target_keys, source_keys
        source, target = target, source
    return source


@kernel()
def tile_lists(
    rows: NDArray[np.float32], order: NDArray[np.int32], width: int, height: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """For each tile the projected splats that may touch it, front to back.

    Args:
        rows: [visible, NUM_FIELDS].
        order: [visible], from `depth_order`.

    Returns:
        Start of each tile's list [tiles + 1], tiles row by row, and the lists themselves [entries]: indices
        into `rows`.
    """
    tiles_x, tiles_y = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    starts = np.zeros(tiles_x * tiles_y + 1, np.int64)
    for i in range(rows.shape[0]):
        row = rows[i]
        for ty in range(int(row[11]) // TILE, (int(row[12]) + TILE - 1) // TILE):
            for tx in range(int(row[9]) // TILE, (int(row[10]) + TILE - 1) // TILE):
                starts[ty * tiles_x + tx + 1] += 1
    for tile in range(tiles_x * tiles_y):
        starts[tile + 1] += starts[tile]
    entries = np.empty(starts[-1], np.int32)
    ends = starts.copy()
    for splat in order:
        row = rows[splat]
        for ty in range(int(row[11]) // TILE, (int(row[12]) + TILE - 1) // TILE):
            for tx in range(int(row[9]) // TILE, (int(row[10]) + TILE - 1) // TILE):
                tile = ty * tiles_x + tx
                entries[ends[tile]] = splat
                ends[tile] += 1
    return starts, entries


@kernel(fastmath={"contract", "nsz", "nnan", "ninf"})
def blend(
    rows: NDArray[np.float32],
    starts: NDArray[np.int64],
    entries: NDArray[np.int32],
    background: NDArray[np.float32],
    first_tile_row: int,
    end_tile_row: int,
    rgb: NDArray[np.float32],
    alpha_out: NDArray[np.float32],
) -> None:
    """Blend some rows of tiles front to back.

    exp(-s) is exp(-s/8)^8 with the Taylor polynomial of degree 7 around s/8 = 3/8: relative error below 1e-6
    for s <= 6, and past s = ln 255 a splat is invisible. The compiler turns the whole inner loop into vector
    code.

    Args:
        rows: [visible, NUM_FIELDS].
        starts: [tiles + 1], from `tile_lists`.
        entries: [entries], from `tile_lists`.
        background: [3] RGB.
        first_tile_row: First row of tiles to blend.
        end_tile_row: Row after the last.
        rgb: [height, width, 3], written.
        alpha_out: [height, width] coverage, written.
    """
    height, width = alpha_out.shape
    tiles_x = (width + TILE - 1) // TILE
    half, one, zero = np.float32(0.5), np.float32(1.0), np.float32(0.0)
    k7, k6, k5 = np.float32(1.0 / 5040.0), np.float32(1.0 / 720.0), np.float32(1.0 / 120.0)
    k4, k3 = np.float32(1.0 / 24.0), np.float32(1.0 / 6.0)
    middle, eighth, limit = np.float32(0.375), np.float32(0.125), np.float32(6.0)
    exp_middle = np.float32(math.exp(-3.0))  # exp(-3/8)^8
    light = np.empty((TILE, TILE), np.float32)  # transmittance left
    live = np.empty((TILE, TILE), np.float32)  # 1 until the pixel is finished, then 0
    red, green, blue = np.empty_like(light), np.empty_like(light), np.empty_like(light)
    columns = np.arange(TILE).astype(np.float32) + half
    for ty in range(first_tile_row, end_tile_row):
        for tx in range(tiles_x):
            tile = ty * tiles_x + tx
            light[:] = one
            live[:] = one
            red[:] = zero
            green[:] = zero
            blue[:] = zero
            top, left = ty * TILE, np.float32(tx * TILE)
            for number in range(starts[tile], starts[tile + 1]):
                if (number - starts[tile]) % CHECK_INTERVAL == CHECK_INTERVAL - 1 and live.max() == zero:
                    break
                splat = rows[entries[number]]
                x, a, b, c = splat[0] - left, half * splat[2], splat[3], half * splat[4]
                opacity, r, g, bl = splat[5] * exp_middle, splat[6], splat[7], splat[8]
                for line in range(max(int(splat[11]) - top, 0), min(int(splat[12]) - top, TILE)):
                    dy = splat[1] - (np.float32(top + line) + half)
                    b_dy, c_dy = b * dy, c * dy * dy
                    t_row, l_row = light[line], live[line]
                    r_row, g_row, b_row = red[line], green[line], blue[line]
                    for i in range(TILE):
                        dx = x - columns[i]
                        sigma = a * dx * dx + b_dy * dx + c_dy
                        u = middle - min(sigma, limit) * eighth
                        e = ((((((k7 * u + k6) * u + k5) * u + k4) * u + k3) * u + half) * u + one) * u + one
                        e = e * e
                        e = e * e
                        alpha = min(opacity * (e * e), MAX_ALPHA)
                        alpha = alpha * l_row[i] if alpha >= MIN_ALPHA else zero
                        alpha = alpha if sigma >= zero else zero
                        left_over = t_row[i] * (one - alpha)
                        done = left_over <= MIN_TRANSMITTANCE
                        weight = zero if done else alpha * t_row[i]
                        t_row[i] = t_row[i] if done else left_over
                        l_row[i] = zero if done else l_row[i]
                        r_row[i] += weight * r
                        g_row[i] += weight * g
                        b_row[i] += weight * bl
            for line in range(min(TILE, height - top)):
                for i in range(min(TILE, width - tx * TILE)):
                    pixel = rgb[top + line, tx * TILE + i]
                    t = light[line, i]
                    pixel[0] = red[line, i] + t * background[0]
                    pixel[1] = green[line, i] + t * background[1]
                    pixel[2] = blue[line, i] + t * background[2]
                    alpha_out[top + line, tx * TILE + i] = one - t
