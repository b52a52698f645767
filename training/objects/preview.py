"""A quick look at kinds while they are designed: python -m training.objects.preview OUT.png MODULE [KIND
...].

A plain z-buffer of surface points; the real renders come from `training.objects.renders`.
"""

import argparse
import importlib

import numpy as np
from numpy import ndarray as Array
from PIL import Image

from command_line.arguments import at_least_one
from command_line.running import run_program
from training.objects.builder import turn
from training.objects.cloud import build_cloud
from training.objects.colors import COLOR_SRGB
from training.objects.kind import Kind

VIEWS = ((0.0, 15.0), (35.0, 20.0), (90.0, 15.0), (180.0, 15.0), (215.0, 35.0))
LIGHT = np.array([0.35, -0.55, 0.76])


def preview(kind: Kind, seed: int, size: int = 224) -> Array:
    """A row of views [size, size * views, 3] uint8: front, three-quarter, right side, back, from above."""
    cloud = build_cloud(kind, seed)
    palette = np.array([COLOR_SRGB[part.color or kind.default_color] for part in kind.parts])
    shade = 0.62 + 0.38 * np.clip(cloud.normals @ LIGHT, -0.4, 1)
    colors = np.clip(palette[cloud.parts] * (cloud.tones[:, None] / 128) * shade[:, None], 0, 1)
    return np.concatenate([_view(cloud.positions, colors, yaw, pitch, size) for yaw, pitch in VIEWS], axis=1)


def _view(positions: Array, colors: Array, yaw: float, pitch: float, size: int) -> Array:
    seen = positions @ turn((0, 0, -yaw)).T @ turn((pitch, 0, 0)).T
    column = ((seen[:, 0] / 1.5 + 0.5) * size).astype(int)
    row = ((0.5 - seen[:, 2] / 1.5) * size).astype(int)
    image = np.full((size, size, 3), 1.0)
    depth = np.full((size, size), np.inf)
    order = np.argsort(-seen[:, 1])
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        r, c = np.clip(row + dy, 0, size - 1)[order], np.clip(column + dx, 0, size - 1)[order]
        nearer = seen[order, 1] < depth[r, c] + 0.02
        image[r[nearer], c[nearer]] = colors[order][nearer]
        np.minimum.at(depth, (r, c), seen[order, 1])
    return (image * 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("module", help="such as training.objects.kinds_furniture")
    parser.add_argument("kinds", nargs="*")
    parser.add_argument("--seeds", type=at_least_one, default=1)
    arguments = parser.parse_args()
    kinds: tuple[Kind, ...] = importlib.import_module(arguments.module).KINDS
    chosen = [kind for kind in kinds if not arguments.kinds or kind.name in arguments.kinds]
    rows = [preview(kind, seed) for kind in chosen for seed in range(arguments.seeds)]
    Image.fromarray(np.concatenate(rows)).save(arguments.out)


if __name__ == "__main__":
    run_program(main)
