"""Cutting a mesh into charts that lie flat: fast, at the price of more seams than need be.

    faces -> one of six directions each, as neighbours do -> connected pieces -> flattened -> least box

A chart's faces all look the same way, so its projection folds nowhere; it can still overlap itself (a spiral
staircase), which `unwrapping` finds and cuts.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from export.meshes.topology import twins
from rendering.jit import kernel

MIN_COSINE = 0.35  # between a face's normal and its chart's direction
NEIGHBOUR_BONUS = 0.25  # of a direction for each neighbour that has it, in cosine
SMOOTHING_PASSES = 4
NUM_TURNS = 16  # tried within a quarter turn for the least bounding box


@dataclass(frozen=True, slots=True, kw_only=True)
class Charts:
    """Every face's corners in the plane of its chart.

    Attributes:
        chart: Of each face, 0 to num_charts - 1.
        corners: World units; each chart's box starts at (0, 0) and lies on its longer side.
        sizes: Of each chart's box.
    """

    chart: Int[np.ndarray, " faces"]
    corners: Float[np.ndarray, "faces 3 2"]
    sizes: Float[np.ndarray, "charts 2"]


def cut_into_charts(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    apart: Int[np.ndarray, " faces"],
) -> Charts:
    """Charts of a mesh; faces whose numbers in `apart` differ are never in one chart."""
    vertices = np.ascontiguousarray(vertices, np.float64)
    faces = np.ascontiguousarray(faces, np.int32)
    twin = twins(faces, len(vertices))
    normals = _unit_normals(vertices, faces)
    direction = _directions(normals, twin)
    chart = _pieces(direction, np.ascontiguousarray(apart, np.int32), twin)
    num_charts = int(chart.max()) + 1
    corners = _flatten(vertices, faces, normals, direction, chart, num_charts)
    sizes = _lay_down(corners, chart, num_charts)
    return Charts(chart=chart, corners=corners, sizes=sizes)


def _unit_normals(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> NDArray[np.float64]:
    """Normals of the faces, zero where they have no area."""
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    normals = np.cross(b - a, c - a)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    unit: NDArray[np.float64] = normals / np.maximum(length, 1e-30)
    return unit


@kernel()
def _directions(normals: NDArray[np.float64], twin: NDArray[np.int32]) -> NDArray[np.int32]:
    """2 * axis + side of each face: where it looks, or where its neighbours do if that is nearly the same."""
    direction = np.empty(len(normals), np.int32)
    votes = np.empty(6)
    for sweep in range(SMOOTHING_PASSES + 1):
        for f in range(len(normals)):
            for d in range(6):
                cosine = normals[f, d // 2] * (1 - 2 * (d % 2))
                votes[d] = cosine if cosine > MIN_COSINE or sweep == 0 else -1.0
            if sweep > 0:
                for k in range(3):
                    other = twin[3 * f + k]
                    if other >= 0 and votes[direction[other // 3]] > 0:
                        votes[direction[other // 3]] += NEIGHBOUR_BONUS
            direction[f] = np.argmax(votes)
    return direction


@kernel()
def _pieces(
    direction: NDArray[np.int32], apart: NDArray[np.int32], twin: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Connected faces of one direction, numbered."""
    chart = np.full(len(direction), -1, np.int32)
    stack = np.empty(len(direction), np.int32)
    count = 0
    for first in range(len(direction)):
        if chart[first] >= 0:
            continue
        chart[first], stack[0], height = count, first, 1
        while height > 0:
            height -= 1
            f = stack[height]
            for k in range(3):
                g = twin[3 * f + k] // 3 if twin[3 * f + k] >= 0 else f
                if chart[g] < 0 and direction[g] == direction[f] and apart[g] == apart[f]:
                    chart[g], stack[height] = count, g
                    height += 1
        count += 1
    return chart


@kernel()
def _flatten(
    vertices: NDArray[np.float64],
    faces: NDArray[np.int32],
    normals: NDArray[np.float64],
    direction: NDArray[np.int32],
    chart: NDArray[np.int32],
    num_charts: int,
) -> NDArray[np.float64]:
    """Corners along two axes across each chart's direction, counter-clockwise as seen from outside."""
    axes = np.zeros((num_charts, 3))
    for f in range(len(faces)):
        axes[chart[f], direction[f] // 2] = 1.0 - 2.0 * (direction[f] % 2)
    means = np.zeros((num_charts, 3))
    for f in range(len(faces)):
        means[chart[f]] += normals[f]
    usable = np.ones(num_charts, np.bool_)
    for c in range(num_charts):
        means[c] /= max(np.sqrt((means[c] * means[c]).sum()), 1e-30)
    for f in range(len(faces)):
        if (normals[f] * means[chart[f]]).sum() < MIN_COSINE:
            usable[chart[f]] = False
    corners = np.empty((len(faces), 3, 2))
    for f in range(len(faces)):
        n = means[chart[f]] if usable[chart[f]] else axes[chart[f]]
        side = np.array([0.0, 1.0, 0.0]) if abs(n[1]) < 0.7 else np.array([0.0, 0.0, 1.0])
        u = np.array(
            [
                side[1] * n[2] - side[2] * n[1],
                side[2] * n[0] - side[0] * n[2],
                side[0] * n[1] - side[1] * n[0],
            ]
        )
        u /= np.sqrt((u * u).sum())
        v = np.array([n[1] * u[2] - n[2] * u[1], n[2] * u[0] - n[0] * u[2], n[0] * u[1] - n[1] * u[0]])
        for k in range(3):
            point = vertices[faces[f, k]]
            corners[f, k, 0], corners[f, k, 1] = (point * u).sum(), (point * v).sum()
    return corners


@kernel()
def _lay_down(corners: NDArray[np.float64], chart: NDArray[np.int32], num_charts: int) -> NDArray[np.float64]:
    """Turns each chart in place to its least bounding box, long side along u, and moves it to (0, 0)."""
    best_area = np.full(num_charts, np.inf)
    best_turn = np.zeros(num_charts)
    sizes = np.zeros((num_charts, 2))
    for turn in range(NUM_TURNS):
        angle = np.pi / 2 * turn / NUM_TURNS
        low, high = _boxes(corners, chart, num_charts, np.full(num_charts, angle))
        for c in range(num_charts):
            width, height = high[c, 0] - low[c, 0], high[c, 1] - low[c, 1]
            if width * height < best_area[c] * (1 - 1e-9):
                best_area[c] = width * height
                best_turn[c] = angle if width >= height else angle + np.pi / 2
    low, high = _boxes(corners, chart, num_charts, best_turn)
    for f in range(len(chart)):
        c = chart[f]
        cos, sin = np.cos(best_turn[c]), np.sin(best_turn[c])
        for k in range(3):
            u, v = corners[f, k]
            corners[f, k, 0] = cos * u - sin * v - low[c, 0]
            corners[f, k, 1] = sin * u + cos * v - low[c, 1]
    for c in range(num_charts):
        sizes[c] = high[c] - low[c]
    return sizes


@kernel()
def _boxes(
    corners: NDArray[np.float64], chart: NDArray[np.int32], num_charts: int, turns: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low, high = np.full((num_charts, 2), np.inf), np.full((num_charts, 2), -np.inf)
    for f in range(len(chart)):
        c = chart[f]
        cos, sin = np.cos(turns[c]), np.sin(turns[c])
        for k in range(3):
            u = cos * corners[f, k, 0] - sin * corners[f, k, 1]
            v = sin * corners[f, k, 0] + cos * corners[f, k, 1]
            low[c, 0], high[c, 0] = min(low[c, 0], u), max(high[c, 0], u)
            low[c, 1], high[c, 1] = min(low[c, 1], v), max(high[c, 1], v)
    return low, high
