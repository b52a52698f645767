"""CPU kernels that draw projected splats: depth order, lists of splats per tile, front-to-back blending.

As in 3D Gaussian splatting (Kerbl et al. 2023) and gsplat. `projection_kernels` describes the rows they read.
"""

import math

import numpy as np
from numpy.typing import NDArray

from rendering.jit import kernel
from rendering.projection_kernels import ALPHA_THRESHOLD, TILE

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
    boxes: NDArray[np.int32], order: NDArray[np.int32], width: int, height: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """For each tile the projected splats that may touch it, front to back.

    Args:
        boxes: [visible, 4] in tiles.
        order: [visible], from `depth_order`.
        width: Image width in pixels.
        height: Image height in pixels.

    Returns:
        Start of each tile's list [tiles + 1], tiles row by row, and the lists themselves [entries]: indices
        of projected splats.
    """
    tiles_x, tiles_y = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    starts = np.zeros(tiles_x * tiles_y + 1, np.int64)
    for i in range(boxes.shape[0]):
        first_column, end_column = boxes[i, 0], boxes[i, 1]
        first_row, end_row = boxes[i, 2], boxes[i, 3]
        for row in range(first_row, end_row):
            for column in range(first_column, end_column):
                starts[row * tiles_x + column + 1] += 1
    for tile in range(tiles_x * tiles_y):
        starts[tile + 1] += starts[tile]
    entries = np.empty(starts[-1], np.int32)
    ends = starts.copy()
    for i in order:
        first_column, end_column = boxes[i, 0], boxes[i, 1]
        first_row, end_row = boxes[i, 2], boxes[i, 3]
        for row in range(first_row, end_row):
            for column in range(first_column, end_column):
                tile = row * tiles_x + column
                entries[ends[tile]] = i
                ends[tile] += 1
    return starts, entries


@kernel(fastmath={"contract", "nsz", "nnan", "ninf"})
def falling(opacity: np.float32, sigma: np.float32) -> np.float32:
    """A splat's opacity at a pixel, opacity * exp(-sigma), at most `MAX_ALPHA`.

    exp(-s) is exp(-s/8)^8 with the Taylor polynomial of degree 7 around s/8 = 3/8: relative error below 1e-6
    for s <= 6, and past s = ln 255 a splat is invisible.

    Args:
        opacity: In the splat's middle, times exp(-3).
        sigma: Half the squared distance from there, in standard deviations.
    """
    half, one = np.float32(0.5), np.float32(1.0)
    k7, k6, k5 = np.float32(1.0 / 5040.0), np.float32(1.0 / 720.0), np.float32(1.0 / 120.0)
    k4, k3 = np.float32(1.0 / 24.0), np.float32(1.0 / 6.0)
    u = np.float32(0.375) - min(sigma, np.float32(6.0)) * np.float32(0.125)
    e = ((((((k7 * u + k6) * u + k5) * u + k4) * u + k3) * u + half) * u + one) * u + one
    e = e * e
    e = e * e
    return min(opacity * (e * e), MAX_ALPHA)


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

    The compiler turns the whole inner loop into vector code.

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
    slack = np.float32(0.01)  # for rounding, in the squared extent
    exp_middle = np.float32(math.exp(-3.0))  # exp(-3/8)^8
    # of each pixel: transmittance left, 1 until it is finished and then 0, red, green, blue
    pixels = np.empty((TILE, 5, TILE), np.float32)
    columns = np.arange(TILE).astype(np.float32) + half
    for tile in range(first_tile_row * tiles_x, end_tile_row * tiles_x):
        top, left = tile // tiles_x * TILE, tile % tiles_x * TILE
        pixels[:, :2] = one
        pixels[:, 2:] = zero
        for number in range(starts[tile], starts[tile + 1]):
            if (number - starts[tile]) % CHECK_INTERVAL == CHECK_INTERVAL - 1 and not pixels[:, 1].any():
                break
            splat = rows[entries[number]]
            x, y = splat[0] - np.float32(left), splat[1] - np.float32(top)
            a, b, c = half * splat[2], splat[3], half * splat[4]
            opacity, red, green, blue = splat[5] * exp_middle, splat[6], splat[7], splat[8]
            extent_squared, inverse_yy, slope = splat[11] + slack, splat[12], splat[13]
            for line in range(max(int(splat[9]) - top, 0), min(int(splat[10]) - top, TILE)):
                dy = y - (np.float32(line) + half)
                room = extent_squared - inverse_yy * dy * dy
                if room < zero:
                    continue  # the ellipse does not reach this row
                center_x, reach = x - slope * dy, math.sqrt(room / splat[2]) + half
                if center_x + reach < zero or center_x - reach > TILE:
                    continue  # it does, but outside the tile
                b_dy, c_dy = b * dy, c * dy * dy
                pixel = pixels[line]
                for i in range(TILE):
                    dx = x - columns[i]
                    sigma = a * dx * dx + b_dy * dx + c_dy
                    alpha = falling(opacity, sigma)
                    alpha = alpha * pixel[1, i] if alpha >= MIN_ALPHA else zero
                    alpha = alpha if sigma >= zero else zero
                    light = pixel[0, i] * (one - alpha)
                    done = light <= MIN_TRANSMITTANCE
                    weight = zero if done else alpha * pixel[0, i]
                    pixel[0, i] = pixel[0, i] if done else light
                    pixel[1, i] = zero if done else pixel[1, i]
                    pixel[2, i] += weight * red
                    pixel[3, i] += weight * green
                    pixel[4, i] += weight * blue
        for line in range(min(TILE, height - top)):
            pixel = pixels[line]
            for i in range(min(TILE, width - left)):
                target = rgb[top + line, left + i]
                target[0] = pixel[2, i] + pixel[0, i] * background[0]
                target[1] = pixel[3, i] + pixel[0, i] * background[1]
                target[2] = pixel[4, i] + pixel[0, i] * background[2]
                alpha_out[top + line, left + i] = one - pixel[0, i]


@kernel(fastmath={"contract", "nsz", "nnan", "ninf", "reassoc"})
def share_out(
    rows: NDArray[np.float32],
    starts: NDArray[np.int64],
    entries: NDArray[np.int32],
    picture: NDArray[np.float32],
    rgb: NDArray[np.float32],
    totals: NDArray[np.float32],
) -> None:
    """The transpose of `blend`: adds up what a picture shows at each splat's pixels, times its share there.

    Draws the splats as well, over white. `blend` explains the arithmetic.

    Args:
        rows: [visible, NUM_FIELDS].
        starts: [tiles + 1], from `tile_lists`.
        entries: [entries], from `tile_lists`.
        picture: [height, width, 3].
        rgb: [height, width, 3], written.
        totals: [visible, 4], added to: three channels, and the shares alone.
    """
    height, width, _ = picture.shape
    tiles_x = (width + TILE - 1) // TILE
    half, one, zero = np.float32(0.5), np.float32(1.0), np.float32(0.0)
    slack = np.float32(0.01)
    exp_middle = np.float32(math.exp(-3.0))
    # of each pixel: transmittance left, 1 until it is finished and then 0, the picture, the drawing
    pixels = np.empty((TILE, 8, TILE), np.float32)
    columns = np.arange(TILE).astype(np.float32) + half
    for tile in range(len(starts) - 1):
        top, left = tile // tiles_x * TILE, tile % tiles_x * TILE
        bottom, right = min(TILE, height - top), min(TILE, width - left)
        pixels[:] = zero
        for line in range(bottom):
            pixels[line, :2, :right] = one
            pixels[line, 2:5, :right] = picture[top + line, left : left + right].T
        for number in range(starts[tile], starts[tile + 1]):
            if (number - starts[tile]) % CHECK_INTERVAL == CHECK_INTERVAL - 1 and not pixels[:, 1].any():
                break
            splat = rows[entries[number]]
            x, y = splat[0] - np.float32(left), splat[1] - np.float32(top)
            a, b, c = half * splat[2], splat[3], half * splat[4]
            opacity = splat[5] * exp_middle
            extent_squared, inverse_yy, slope = splat[11] + slack, splat[12], splat[13]
            red, green, blue = splat[6], splat[7], splat[8]
            total = totals[entries[number]]
            for line in range(max(int(splat[9]) - top, 0), min(int(splat[10]) - top, TILE)):
                dy = y - (np.float32(line) + half)
                room = extent_squared - inverse_yy * dy * dy
                if room < zero:
                    continue
                center_x, reach = x - slope * dy, math.sqrt(room / splat[2]) + half
                if center_x + reach < zero or center_x - reach > TILE:
                    continue
                b_dy, c_dy = b * dy, c * dy * dy
                pixel = pixels[line]
                first, second, third, share = zero, zero, zero, zero
                for i in range(TILE):
                    dx = x - columns[i]
                    sigma = a * dx * dx + b_dy * dx + c_dy
                    alpha = falling(opacity, sigma)
                    alpha = alpha * pixel[1, i] if alpha >= MIN_ALPHA else zero
                    alpha = alpha if sigma >= zero else zero
                    light = pixel[0, i] * (one - alpha)
                    done = light <= MIN_TRANSMITTANCE
                    weight = zero if done else alpha * pixel[0, i]
                    pixel[0, i] = pixel[0, i] if done else light
                    pixel[1, i] = zero if done else pixel[1, i]
                    first += weight * pixel[2, i]
                    second += weight * pixel[3, i]
                    third += weight * pixel[4, i]
                    share += weight
                    pixel[5, i] += weight * red
                    pixel[6, i] += weight * green
                    pixel[7, i] += weight * blue
                total[0] += first
                total[1] += second
                total[2] += third
                total[3] += share
        for line in range(bottom):
            rgb[top + line, left : left + right] = (pixels[line, 5:, :right] + pixels[line, 0, :right]).T
