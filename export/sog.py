"""SOG version 2 (PlayCanvas, MIT): splats as lossless WebP pictures in a ZIP, the smallest of all formats.

    meta.json                   counts, bounds and the two books of 256 values
    means_l, means_u            low and high bytes of the positions' signed logarithms, 16 bits between bounds
    quats                       three components, 8 bits each, and which one (the largest) is missing
    scales                      log-scales by a book
    sh0                         colours (f_dc) by a book, and the opacity

Splats follow a Morton curve, so that neighbouring pixels are alike. https://developer.playcanvas.com has the
format in "The SOG Format".
"""

import io
import json
import zipfile
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from PIL import Image

from export.splat_codes import alpha_codes, host_columns, morton_order, nearest_codes, three_smallest
from models.gaussians.gaussians import SH_C0, Gaussians

VERSION = 2
GENERATOR = "fast-3d-miner"
BOOK = 256
BOOK_ROUNDS = 8  # of Lloyd's algorithm; more of them change the fourth digit of the error
HISTOGRAM_BINS = 8192  # that stand for the values while a book is made
QUATERNION_TAG = 252  # plus the number of the largest of (w, x, y, z)


def write_sog(gaussians: Gaussians) -> bytes:
    """The splats as a SOG file's bytes, in their own axes; the same splats give the same bytes.

    Raises:
        ValueError: For no splat, more than readers accept, or a value that is not finite.
    """
    columns = host_columns(gaussians, "SOG")
    order = morton_order(columns[0])
    means, opacities, colors, scales, quats = (column[order] for column in columns)
    lows, highs, positions = _positions(means)
    scale_book, scale_labels = _by_book(np.log(scales))
    color_book, color_labels = _by_book((colors - 0.5) / SH_C0)
    opaque = np.full((len(means), 1), 255, np.uint8)
    pictures = {
        "means_l": np.concatenate([(positions & 255).astype(np.uint8), opaque], axis=1),
        "means_u": np.concatenate([(positions >> 8).astype(np.uint8), opaque], axis=1),
        "quats": _rotations(quats),
        "scales": np.concatenate([scale_labels, opaque], axis=1),
        "sh0": np.concatenate([color_labels, alpha_codes(opacities)[:, None]], axis=1),
    }
    meta = {
        "version": VERSION,
        "asset": {"generator": GENERATOR},
        "count": len(means),
        "means": {"mins": lows, "maxs": highs, "files": ["means_l.webp", "means_u.webp"]},
        "scales": {"codebook": scale_book, "files": ["scales.webp"]},
        "quats": {"files": ["quats.webp"]},
        "sh0": {"codebook": color_book, "files": ["sh0.webp"]},
    }
    return _zipped(meta, pictures)


def _positions(
    means: Float[np.ndarray, "splats 3"],
) -> tuple[list[float], list[float], NDArray[np.int64]]:
    """Bounds of the signed logarithms, and where between them each lies, in 16 bits."""
    logs = np.sign(means) * np.log1p(np.abs(means))
    low, high = logs.min(axis=0), logs.max(axis=0)
    places = (logs - low) / np.where(high > low, high - low, 1.0)
    return low.tolist(), high.tolist(), nearest_codes(places * 65535.0, 65535)


def _rotations(quats_wxyz: Float[np.ndarray, "splats 4"]) -> UInt8[np.ndarray, "splats 4"]:
    largest, others = three_smallest(quats_wxyz)
    codes = nearest_codes((others * 0.5**0.5 + 0.5) * 255.0)
    return np.concatenate([codes, largest[:, None] + QUATERNION_TAG], axis=1).astype(np.uint8)


def _by_book(values: Float[np.ndarray, "splats 3"]) -> tuple[list[float], UInt8[np.ndarray, "splats 3"]]:
    """256 values, and for each of all three columns' values the number of the nearest one.

    Lloyd's algorithm on a histogram, from equally spaced places of the sorted values; it depends on nothing
    but the values. Bins count with the root of their number and both ends stay, so that the few largest and
    smallest splats, which one sees best, keep their size too.
    """
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return [low] * BOOK, np.zeros(values.shape, np.uint8)
    edges = np.linspace(low, high, HISTOGRAM_BINS + 1)
    sums, _ = np.histogram(values, edges, weights=values)
    counts, _ = np.histogram(values, edges)
    filled = counts > 0
    centers, weights = sums[filled] / counts[filled], np.sqrt(counts[filled])
    book = np.quantile(values, (np.arange(BOOK) + 0.5) / BOOK)
    book[0], book[-1] = low, high
    for _ in range(BOOK_ROUNDS):
        nearest = np.searchsorted((book[1:] + book[:-1]) / 2.0, centers)
        members = np.bincount(nearest, weights, BOOK)
        totals = np.bincount(nearest, weights * centers, BOOK)
        book = np.sort(np.where(members > 0, totals / members.clip(1e-30), book))
        book[0], book[-1] = low, high
    labels = np.searchsorted((book[1:] + book[:-1]) / 2.0, values)
    return book.tolist(), labels.astype(np.uint8)


def _zipped(meta: Mapping[str, object], pictures: Mapping[str, UInt8[np.ndarray, "splats 4"]]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as bundle:  # WebP is compressed already
        for name, pixels in pictures.items():
            bundle.writestr(zipfile.ZipInfo(f"{name}.webp"), _webp(pixels))
        text = json.dumps(meta, separators=(",", ":"))
        bundle.writestr(zipfile.ZipInfo("meta.json"), text)
    return data.getvalue()


def _webp(pixels: UInt8[np.ndarray, "splats 4"]) -> bytes:
    """One splat a pixel, row by row, sides multiples of four; every byte comes back, below alpha 0 too."""
    width = int(np.ceil(np.sqrt(len(pixels)) / 4)) * 4
    height = int(np.ceil(len(pixels) / width / 4)) * 4
    texels = np.zeros((height * width, 4), np.uint8)
    texels[: len(pixels)] = pixels
    file = io.BytesIO()
    picture = Image.fromarray(texels.reshape(height, width, 4), "RGBA")
    picture.save(file, "WEBP", lossless=True, exact=True, quality=50, method=2)
    return file.getvalue()
